"""`manage.py publish report.ipynb --slug weekly-sales`: publish a file, a zip or a folder."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.management.base import CommandParser
from django.utils import timezone

from portal.accounts.models import Team
from portal.common.storage import OutOfSpace
from portal.management.files import files_at
from portal.management.plain import REFUSED, WRONG_USE, PlainCommand
from portal.publishing import actions, links, queries, uploads
from portal.publishing.formats import Refused
from portal.publishing.models import Audience, Kind, Version

KINDS = [Kind.REPORT.value, Kind.VISUALIZATION.value]
SET_ONCE = ("title", "summary", "kind", "audience", "team")


class Command(PlainCommand):
    help = (
        "Publish a file, a zip or a folder. A slug that is new makes a publication; "
        "one that exists gets its next version."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, help="the file, zip or folder to publish")
        parser.add_argument(
            "--slug", default="", help="the last part of its link; default: slug in broadsheet.toml"
        )
        parser.add_argument("--new", action="store_true", help="refuse if the slug exists already")
        change = parser.add_mutually_exclusive_group()
        change.add_argument(
            "--minor", dest="change", action="store_const", const="minor", default="minor"
        )
        change.add_argument(
            "--major",
            dest="change",
            action="store_const",
            const="major",
            help="a change readers must know of; needs -m",
        )
        parser.add_argument("-m", "--note", default="", help="what changed, for readers")
        parser.add_argument("--title", default="", help="of a new publication")
        parser.add_argument("--summary", default="", help="of a new publication, one sentence")
        parser.add_argument(
            "--kind", default="", choices=KINDS, help="of a new publication; default: by its format"
        )
        parser.add_argument("--audience", default="", choices=Audience.values)
        parser.add_argument("--team", default="", help="slug of the team that owns it")
        parser.add_argument(
            "--by", default="", help="user name; default: BROADSHEET_USER, else your system user"
        )
        parser.add_argument("--json", action="store_true", help="answer in JSON, for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        self._check_path(options["path"])
        by = self.person(options["by"], does="publishes")
        team = self.team(options["team"]) if options["team"] else None
        try:
            bundle = uploads.receive(files_at(options["path"]), kind=options["kind"])
            wish = self._wish(bundle, options, team)
            version = actions.publish_bundle(bundle, wish, by=by, at=timezone.now())
        except actions.Unchanged as same:
            self._report(same.version, options, changed=False)
        except (Refused, actions.PublishingError) as refusal:
            self._refuse_with(refusal.code, str(refusal), options)
        except PermissionDenied as refusal:
            self._refuse_with("not_allowed", str(refusal), options)
        except OutOfSpace:
            self._refuse_with("out_of_space", "The disk is full; nothing was published.", options)
        else:
            self._report(version, options, changed=True)

    def _check_path(self, path: Path) -> None:
        if not path.exists():
            self.refuse(f"There is no file or folder {path}.", code=WRONG_USE)

    def _wish(
        self, bundle: actions.Bundle, options: dict[str, Any], team: Team | None
    ) -> actions.Wish:
        slug = options["slug"] or bundle.manifest.get("slug", "")
        if not slug:
            self.refuse("Say under which link: --slug weekly-sales.", code=WRONG_USE)
        return actions.Wish(
            slug=slug,
            title=options["title"],
            summary=options["summary"],
            kind=options["kind"],
            change=options["change"],
            notes=options["note"],
            team=team,
            audience=options["audience"],
            create=True if options["new"] else None,
        )

    def _report(self, version: Version, options: dict[str, Any], *, changed: bool) -> None:
        facts = _facts(version, changed=changed)
        if options["json"]:
            self.say_json(**facts)
            return
        self.stdout.write(facts["message"])
        for name in ("link", "edition_link", "run_link"):
            if facts[name]:
                self.stdout.write(f"  {name.removesuffix('_link'):8} {facts[name]}")
        for trouble in facts["troubles"]:
            self.stderr.write(trouble)
        kept = [name for name in SET_ONCE if options[name]]
        if kept and (not changed or version.number != "1.0"):
            self.stderr.write(
                f"Only a new publication takes {', '.join(kept)} from here; left as it was."
            )

    def _refuse_with(self, code: str, message: str, options: dict[str, Any]) -> None:
        if not options["json"]:
            self.refuse(message)
        self.say_json(error=code, message=message)
        raise SystemExit(REFUSED)


def _facts(version: Version, *, changed: bool) -> dict[str, Any]:
    publication = version.publication
    edition = version.editions.order_by("-number").first()
    run = version.runs.order_by("pk").first()  # the default variant's
    return {
        "message": _sentence(version, changed=changed),
        "changed": changed,
        "slug": publication.slug,
        "version": version.number,
        "edition": edition.number if edition else None,
        "run": run.pk if run else None,
        "troubles": [
            f"“{variant}” keeps its last edition. {trouble}"
            for variant, trouble in queries.troubles(publication)
        ],
        "link": links.url_of(publication),
        "edition_link": links.url_of(publication, edition=edition.number) if edition else "",
        "run_link": f"{settings.PORTAL_ORIGIN}/operations/runs/{run.pk}/" if run else "",
    }


def _sentence(version: Version, *, changed: bool) -> str:
    title = version.publication.title
    if not changed:
        return f"These files are version {version} of “{title}” already; nothing was added."
    if version.executes:
        return (
            f"Version {version} of “{title}” is uploaded and its first run is queued. "
            "Readers see it when the run succeeds."
        )
    return f"Version {version} of “{title}” is published."
