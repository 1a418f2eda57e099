"""`manage.py variant`: list the variants of a publication, save or change one, render it, remove it."""

import json
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.management.base import CommandParser
from django.utils import timezone

from portal.accounts.models import User
from portal.management.plain import WRONG_USE, PlainCommand
from portal.publishing import links, queries, variants
from portal.publishing.actions import PublishingError
from portal.publishing.models import Publication, Variant


class Command(PlainCommand):
    help = "Variants of a publication: the same code with other parameters, each with a link of its own."

    def add_arguments(self, parser: CommandParser) -> None:
        tasks = parser.add_subparsers(dest="task", required=True)
        for task, words in (
            ("list", "every variant with its parameters and what readers see"),
            ("set", "save a variant, or change the one that has this link"),
            ("run", "render it with the version that is current"),
            ("remove", "take it down; its editions stay"),
        ):
            one = tasks.add_parser(task, help=words)
            one.add_argument("publication", help="slug of the publication")
            one.add_argument("--by", default="", help="user name; default: BROADSHEET_USER")
            if task == "list":
                one.add_argument("--json", action="store_true", help="answer in JSON")
            else:
                one.add_argument("variant", help="slug of the variant, the end of its link")
            if task == "set":
                one.add_argument("--title", default=None)
                one.add_argument(
                    "-p",
                    "--parameter",
                    action="append",
                    default=[],
                    metavar="NAME=VALUE",
                    help="repeatable; those of a variant that exists stay unless they are named",
                )

    def handle(self, *args: Any, **options: Any) -> None:
        by = self.person(options["by"], does="asks")
        publication = self._publication(by, options["publication"])
        try:
            match options["task"]:
                case "list":
                    self._list(publication, as_json=options["json"])
                case "set":
                    self._set(publication, by, options)
                case "run":
                    found = self._variant(publication, options["variant"])
                    run: Any = variants.render_variant(found, by=by, at=timezone.now())
                    self.stdout.write(f"Run {run.pk} of “{found}” is queued.")
                case "remove":
                    found = self._variant(publication, options["variant"])
                    variants.remove_variant(found, by=by, at=timezone.now())
                    self.stdout.write(f"“{found}” is removed; its editions stay.")
        except (PublishingError, PermissionDenied) as refusal:
            self.refuse(str(refusal))

    def _list(self, publication: Publication, *, as_json: bool) -> None:
        for story in queries.variants_told(publication):
            one, edition = story.variant, story.variant.current
            if as_json:
                self.say_json(
                    slug=one.slug,
                    title=one.title,
                    parameters=one.parameters,
                    edition=edition.number if edition else None,
                    version=edition.version.number if edition else None,
                    is_done=edition is not None and story.standing.is_done,
                    trouble=story.standing.trouble,
                    link=links.url_of(publication, variant=one.slug),
                )
                continue
            words = ", ".join(f"{label} = {value}" for label, value in story.words)
            shown = f"#{edition.number}, version {edition.version}" if edition else "no edition yet"
            done = (
                "" if story.standing.is_done else f"  (not done) {story.standing.trouble}".rstrip()
            )
            self.stdout.write(f"{one.slug}  {shown}  {words or '-'}{done}")

    def _set(self, publication: Publication, by: User, options: dict[str, Any]) -> None:
        said, now = self._said(options["parameter"]), timezone.now()
        found = publication.variants.filter(slug=options["variant"]).first()
        if found is None:
            made = variants.create_variant(
                publication,
                slug=options["variant"],
                title=options["title"] or options["variant"],
                values=said,
                by=by,
                at=now,
            )
            words = f"“{made}” is saved, and its first run is queued."
        else:
            made = variants.change_variant(
                found,
                title=options["title"],
                values=found.parameters | said if said else None,
                by=by,
                at=now,
            )
            words = f"“{made}” is as you say."
        self.stdout.write(words)
        self.stdout.write(f"  link        {links.url_of(publication, variant=made.slug)}")
        self.stdout.write(f"  parameters  {json.dumps(made.parameters, ensure_ascii=False)}")

    def _said(self, pairs: list[str]) -> dict[str, str]:
        said = {}
        for pair in pairs:
            name, equals, value = pair.partition("=")
            if not equals:
                self.refuse(f"Write {pair!r} as NAME=VALUE: region=APAC.", code=WRONG_USE)
            said[name.strip()] = value
        return said

    def _publication(self, by: User, slug: str) -> Publication:
        try:
            return links.find_publication(by, slug)
        except links.Moved as moved:
            return moved.publication
        except (links.NoSuchPublication, links.Removed):
            self.refuse(f"There is no publication {slug}.", code=WRONG_USE)

    def _variant(self, publication: Publication, slug: str) -> Variant:
        try:
            return links.find_variant(publication, slug)
        except (links.NoSuchVariant, links.RemovedVariant):
            known = ", ".join(publication.variants.live().values_list("slug", flat=True))
            self.refuse(f"There is no variant {slug}. Variants: {known}.", code=WRONG_USE)
