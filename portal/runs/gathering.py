"""What a run made beside its report: each chart and table read, rendered and stored as an upload would be."""

from collections.abc import Callable, Iterable
from datetime import datetime

from portal.common import children
from portal.common.refusals import Refused
from portal.publishing.actions import Rendered
from portal.publishing.formats import formats_by_extension
from portal.publishing.parts import Made
from portal.publishing.trees import store_files
from portal.runs.errors import BundleError
from portal.runs.said import PartSaid
from portal.runs.workplace import Workplace

PART_SECONDS = 60


def gather(
    parts: Iterable[PartSaid],
    place: Workplace,
    *,
    data_as_of: datetime | None,
    masked: Callable[[str], str],
    meanwhile: Callable[[], object],
) -> list[Made]:
    """All of them, their bytes kept.

    `masked` takes secrets out of titles that stand in a file; `meanwhile` is called several times a second,
    and raises what ends it.

    :raises BundleError: naming the first that cannot be shown.
    """
    return [_gathered(part, place, data_as_of, masked, meanwhile) for part in parts]


def _gathered(
    part: PartSaid,
    place: Workplace,
    data_as_of: datetime | None,
    masked: Callable[[str], str],
    meanwhile: Callable[[], object],
) -> Made:
    source, target = place.parts / part.name, place.root / "published" / part.name
    if source.is_symlink() or not (source / part.file).is_file():
        raise BundleError(f"The {part} is not where `import broadsheet` put it. Say it again.")
    try:
        made = children.call(
            "portal.publishing.workshop:produce",
            wall_seconds=PART_SECONDS,
            meanwhile=meanwhile,
            bundle=str(source),
            entry=part.file,
            output=str(target),
            formats=formats_by_extension(),
        )
    except Refused as refused:
        raise BundleError(f"The {part} cannot be shown. {refused.message}") from refused
    produced = made["produced"]
    return Made(
        name=part.name,
        title=part.title or masked(produced["title"]),
        summary=part.summary or masked(produced["summary"]),
        rendered=Rendered(
            files=store_files(target),
            entry=produced["entry"],
            facts=produced["facts"],
            data_as_of=data_as_of,
        ),
    )
