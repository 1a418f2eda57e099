"""`manage.py demo`: people of every role and publications that make sense, for development only.

May be run any number of times: whoever and whatever is there already stays as it is.
"""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone

from portal.accounts.models import Membership, Role, Team, User
from portal.management.files import files_at
from portal.management.past import Past, Written, relive
from portal.management.plain import PlainCommand
from portal.notifications.actions import follow
from portal.publishing import actions, links, uploads
from portal.publishing.models import DEFAULT_VARIANT, Publication

CONTENT = Path(settings.BASE_DIR) / "reports" / "demo"


@dataclass(frozen=True)
class Person:
    """Somebody who can sign in; `may` is their role in a sentence."""

    name: str
    username: str
    password: str
    role: Role
    teams: tuple[str, ...] = ()

    @property
    def may(self) -> str:
        return self.role.may


@dataclass(frozen=True)
class Step:
    """One version: what was uploaded, by whom, how long ago."""

    path: str
    by: str
    days_ago: float = 0
    change: str = "minor"
    note: str = ""


@dataclass(frozen=True)
class Story:
    """One publication with its versions, oldest first. `followers` follow after the first."""

    slug: str
    steps: tuple[Step, ...]
    title: str = ""
    summary: str = ""
    kind: str = ""
    team: str = ""
    followers: tuple[str, ...] = field(default=())
    past: Past | None = None


def _every_morning(now: datetime) -> dict[str, Any]:
    return {"cron": "15 6 * * *", "timezone": ZONE.key, "fresh_by": time(7)}


def _every_five_minutes(now: datetime) -> dict[str, Any]:
    """It waits for no promise, and its author wants it to come back by itself once the export is right."""
    return {"every_minutes": 5, "timezone": ZONE.key, "suspend_after_failures": 0}


def _an_hour_before_promised(now: datetime) -> dict[str, Any]:
    """Promised by the last half hour that has passed: whenever the demo is made, it is late by now."""
    promised = _last_promise(now)
    due = promised - timedelta(hours=1)
    return {
        "cron": f"{due.minute} {due.hour} * * *",
        "timezone": ZONE.key,
        "fresh_by": promised.time(),
    }


def _soon_after_claims(now: datetime) -> dict[str, Any]:
    """Its code is right and has nothing to do: what it waits for does not come, so it is late."""
    promised = _last_promise(now) + timedelta(minutes=10)
    return {"rule": "after", "timezone": ZONE.key, "fresh_by": promised.time()}


def _when_claims_came(now: datetime) -> str:
    return str(_an_hour_before_promised(now)["cron"])


def _last_promise(now: datetime) -> datetime:
    local = (now - timedelta(minutes=20)).astimezone(ZONE)
    return local.replace(minute=local.minute // 30 * 30, second=0, microsecond=0)


def _before_dawn(now: datetime) -> dict[str, Any]:
    return {"cron": "40 4 * * *", "timezone": ZONE.key}


ZONE = ZoneInfo("Europe/Berlin")
TEAMS = {"delivery": "Delivery", "commercial": "Commercial"}
PEOPLE = [
    Person("Marta Kowalczyk", "marta", "broadsheet", Role.READER, ("commercial",)),
    Person("Tomás Ferreira", "tomas", "broadsheet", Role.AUTHOR, ("commercial", "delivery")),
    Person("Aiko Tanaka", "aiko", "broadsheet", Role.REVIEWER, ("delivery",)),
    Person("Priya Raman", "priya", "broadsheet", Role.ADMIN, ("delivery",)),
]
STORIES = [
    Story(
        slug="operations-review-q3-2026",
        title="Operations review, third quarter 2026",
        summary="What we promised, what we delivered, and the three things we will do about the rest.",
        team="delivery",
        steps=(Step("quarterly-review/operations-review-q3.pdf", "priya", days_ago=45),),
    ),
    Story(
        slug="carrier-scorecard",
        team="delivery",
        steps=(Step("carrier-scorecard", "aiko", days_ago=13),),
    ),
    Story(
        slug="depot-capacity",
        title="Depot capacity",
        summary="Every depot with its doors, what it can sort in a day and what it sorts.",
        team="delivery",
        steps=(Step("depots/depots.csv", "aiko", days_ago=9),),
    ),
    Story(
        slug="late-delivery-risk",
        title="Late-delivery risk, the model card",
        summary="How likely a parcel is to miss the window we are about to promise, and where that fails.",
        team="delivery",
        steps=(Step("late-delivery-risk/late-delivery-risk.md", "tomas", days_ago=6),),
    ),
    Story(
        slug="late-parcels",
        title="Where parcels run late",
        summary="Every lane by its length, punctuality, volume and carrier.",
        kind="visualization",
        team="delivery",
        followers=("marta",),
        steps=(
            Step("late-parcels/1/late-parcels.json", "tomas", days_ago=21),
            Step(
                "late-parcels/2/late-parcels.json",
                "tomas",
                days_ago=2,
                change="major",
                note="Sixteen more lanes, and the 94 % we promise as a dashed line.",
            ),
        ),
    ),
    Story(
        slug="price-elasticity",
        team="commercial",
        steps=(
            Step("price-elasticity/1", "tomas", days_ago=19),
            Step("price-elasticity/2", "tomas", days_ago=11.5, note="Prices in cents."),
        ),
        past=Past(_before_dawn, since=timedelta(days=18), suspended=timedelta(days=6.6)),
    ),
    Story(
        slug="depot-throughput",
        team="delivery",
        followers=("priya",),
        steps=(Step("depot-throughput", "aiko", days_ago=17),),
        past=Past(_every_morning, since=timedelta(days=14), late={4: timedelta(minutes=52)}),
    ),
    Story(
        slug="claims-daily",
        team="commercial",
        steps=(Step("claims", "tomas", days_ago=12),),
        past=Past(_an_hour_before_promised, since=timedelta(days=11, hours=1)),
    ),
    Story(
        slug="claims-cost",
        team="commercial",
        followers=("marta",),
        steps=(Step("claims-cost", "tomas", days_ago=10),),
        past=Past(
            _soon_after_claims,
            since=timedelta(days=9, hours=1),
            after="claims-daily",
            came=_when_claims_came,
        ),
    ),
    Story(
        slug="returns-by-reason",
        team="delivery",
        steps=(
            Step("returns/1", "tomas", days_ago=3),
            Step("returns/2", "tomas", days_ago=0.018, note="The warehouse’s new export."),
        ),
        past=Past(_every_five_minutes, since=timedelta(hours=1, seconds=40)),
    ),
    Story(slug="weekly-sales", team="commercial", steps=(Step("weekly-sales", "tomas"),)),
]


class Command(PlainCommand):
    help = "Make people of every role and example publications. Refuses in production."

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            self.refuse("The demo's passwords are public, so it is not made in production.")
        teams = {slug: _team(slug, name) for slug, name in TEAMS.items()}
        people = {person.username: _user(person, teams) for person in PEOPLE}
        now = timezone.now()
        for story in STORIES:
            for publication in _tell(story, teams, people, now):
                self.stdout.write(f"{publication.title:40} {links.url_of(publication)}")
        self.stdout.write("Sign in as one of these; the password is the same for all.")
        for person in PEOPLE:
            self.stdout.write(
                f"  {person.username:6}  {person.password}  {person.name}, {person.role.label.lower()}. {person.may}"
            )


def _team(slug: str, name: str) -> Team:
    return Team.objects.get_or_create(slug=slug, defaults={"name": name})[0]


def _user(person: Person, teams: dict[str, Team]) -> User:
    user = User.objects.filter(username=person.username).first()
    if user is not None:
        return user
    first_name, last_name = person.name.split(" ", 1)
    user = User.objects.create_user(
        person.username,
        f"{person.username}@nordhavn.example",
        person.password,
        first_name=first_name,
        last_name=last_name,
        role=person.role,
        is_staff=person.role == Role.ADMIN,
        is_superuser=person.role == Role.ADMIN,
    )
    for slug in person.teams:
        Membership.objects.create(user=user, team=teams[slug])
    return user


def _tell(
    story: Story, teams: dict[str, Team], people: dict[str, User], now: datetime
) -> Iterator[Publication]:
    """Publish the versions that are not there yet; yields the publication if that were any."""
    publication = Publication.objects.filter(slug=story.slug).first()
    done = publication.versions.count() if publication else 0
    missing = story.steps[done:]
    if not missing:
        return
    with tempfile.TemporaryDirectory() as name:
        written = [
            _receive(story, step, Path(name, f"{number}"), teams, people, now)
            for number, step in enumerate(missing)
        ]
        followers = [people[username] for username in story.followers]
        if story.past is not None and not done:
            yield relive(story.past, written, followers, now=now)
        else:
            yield _publish(written, followers)


def _publish(written: list[Written], followers: list[User]) -> Publication:
    for one in written:
        version = actions.publish_bundle(one.bundle, one.wish, by=one.by, at=one.at)
        for person in followers:
            follow(version.publication.variants.get(slug=DEFAULT_VARIANT), by=person, at=one.at)
    return version.publication


def _receive(
    story: Story,
    step: Step,
    folder: Path,
    teams: dict[str, Team],
    people: dict[str, User],
    now: datetime,
) -> Written:
    """The version as an upload, laid out in `folder` if it is one with a past."""
    source = CONTENT / step.path
    at = now - timedelta(days=step.days_ago)
    if story.past is not None:
        shutil.copytree(source, folder)
        source = folder
        if step.path == "claims":
            _deliver(folder, now)
    wish = actions.Wish(
        slug=story.slug,
        title=story.title,
        summary=story.summary,
        kind=story.kind,
        team=teams.get(story.team),
        change=step.change,
        notes=step.note,
    )
    bundle = uploads.receive(files_at(source), kind=story.kind)
    return Written(bundle, wish, by=people[step.by], at=at, folder=folder)


def _deliver(folder: Path, now: datetime) -> None:
    """The insurer's files so far: yesterday's is the one that does not come."""
    due = (_last_promise(now) - timedelta(hours=1)).astimezone(UTC)
    newest = due.date() - timedelta(days=2)
    folder.joinpath("inbox.txt").write_text(f"{newest}\n")
