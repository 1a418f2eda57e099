"""What changed from one edition to the next, in one line for a mail."""

from portal.common.templatetags.words import number
from portal.common.text import label
from portal.publishing.archive import Difference, differences
from portal.publishing.models import Edition, TreeEntry

METRICS = 3


def in_one_line(edition: Edition, previous: Edition) -> str:
    """`Revenue 4.1 → 4.6 (+12 %)` for metrics that both report, else which files are others."""
    both = [one for one in differences(edition, previous) if one.change is not None]
    moved = [one for one in both if one.change]
    if moved:
        more = f" and {len(moved) - METRICS} more" if len(moved) > METRICS else ""
        return "; ".join(_metric(one) for one in moved[:METRICS]) + more
    if both:
        return f"{_and_more([label(one.name) for one in both])} as before"
    return _files(edition, previous)


def _metric(one: Difference) -> str:
    unit = f" {one.unit}" if one.unit else ""
    per_cent = f" ({_per_cent(one)})" if one.there else ""
    return f"{label(one.name)} {number(one.there)} → {number(one.here)}{unit}{per_cent}"


def _per_cent(one: Difference) -> str:
    assert one.there is not None
    assert one.change is not None
    return f"{100 * one.change / abs(one.there):+.0f} %".replace("-", "−")


def _files(edition: Edition, previous: Edition) -> str:
    if edition.tree_id == previous.tree_id:
        return "the same files as before"
    here, there = _blobs(edition), _blobs(previous)
    others = {path for path in here.keys() & there.keys() if here[path] != there[path]}
    counts = (
        (len(others), "changed"),
        (len(here.keys() - there.keys()), "new"),
        (len(there.keys() - here.keys()), "gone"),
    )
    said = [f"{count} {what}" for count, what in counts if count]
    return f"files: {', '.join(said)}, of {len(here)}" if len(here) + len(there) > 2 else ""


def _blobs(edition: Edition) -> dict[str, str]:
    entries = TreeEntry.objects.filter(tree=edition.tree_id)
    return dict(entries.values_list("path", "blob_id"))


def _and_more(names: list[str]) -> str:
    shown = ", ".join(names[:METRICS])
    return f"{shown} and {len(names) - METRICS} more" if len(names) > METRICS else shown
