"""What letters about trouble say: to those who can repair it, never to readers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.dateparse import parse_datetime

from portal.notifications.letters import (
    Letter,
    edition_link,
    letter,
    link_of,
    moment,
    name_of,
    run_link,
    time_of_day,
    what_readers_see,
)
from portal.publishing.links import url_of
from portal.publishing.models import Edition
from portal.publishing.plugs import Late, SoonSuspended, Suspended
from portal.runs import logs
from portal.runs.models import Run, Schedule

LOG_LINES = 15
WIDEST_LINE = 300
MOST_ENTRIES = 50  # of a letter; a run is at its own link as well

Entry = dict[str, Any]  # {"variant", "name", "run", "at", "text", "works"}: see `troubles`

OWNERS = "You get this because you own it, wrote this version, or are an admin and they have left."
ONCE_AN_HOUR = f"{OWNERS} What goes wrong within the next hour comes in one mail at its end."
ADMINS = (
    "You get this because you are an admin and the fault is the platform's, not the author's. "
    "What else goes wrong within the next hour comes in one mail at its end."
)


def failed_letter(run: Run, *, sentence: str, at: datetime, why: str = ONCE_AN_HOUR) -> Letter:
    """Tell those who can repair it that a refresh went wrong, where, and what readers see meanwhile."""
    name = name_of(run.variant)
    return letter(
        f"{name}: the refresh failed",
        f"The refresh of {name} (version {run.version}) failed on {moment(at)}:",
        sentence,
        _failed_code(run),
        _last_words(run),
        _log_end(run),
        what_readers_see(run.variant.current, "the refresh failed"),
        f"The run with its whole log:\n{run_link(run.pk)}",
        f"The page:\n{link_of(run.variant)}",
        why,
    )


def quarantined_letter(run: Run, edition: Edition, *, sentence: str, at: datetime) -> Letter:
    """Tell those who can judge it that new data failed a check, and where to look at the edition."""
    name = name_of(run.variant)
    return letter(
        f"{name}: edition {edition} is held back",
        f"The refresh of {name} (version {run.version}) made edition {edition} on "
        f"{moment(at)}, and its data failed a check that keeps it from readers:",
        sentence,
        what_readers_see(run.variant.current, "newer data are held back"),
        f"Look at the edition, and release it if it is right after all:\n{edition_link(edition)}",
        f"The run with its checks:\n{run_link(run.pk)}",
        ONCE_AN_HOUR,
    )


def gathered_letter(entries: Sequence[Entry], *, since: datetime, of: str, why: str) -> Letter:
    """What went wrong after the first mail of an hour. `of`: the publication, or what else they share."""
    failures = sum(not entry["works"] for entry in entries)
    count = f"{failures} more {'failure' if failures == 1 else 'failures'}"
    ends_well = ", and it works again" if entries[-1]["works"] else ""
    return letter(
        f"{of}: {count} since {time_of_day(since)}{ends_well}",
        f"{of}: {count} since {moment(since)}{ends_well}.",
        entry_lines(entries),
        why,
    )


def recovered_letter(run: Run, *, failures: int, untold: Sequence[Entry], at: datetime) -> Letter:
    """Tell those who heard of failures that it is over. `untold`: failures that no mail told yet."""
    name = name_of(run.variant)
    after = f"after {failures} {'failure' if failures == 1 else 'failures'}"
    between = f"Since the last mail it also failed:\n{entry_lines(untold)}" if untold else ""
    return letter(
        f"{name}: it works again",
        f"{name} works again since {time_of_day(at)}, {after}.",
        f"Readers see the refresh of {moment(at)}." if run.edition_id and not run.remark else "",
        between,
        f"The run:\n{run_link(run.pk)}",
        f"The page:\n{link_of(run.variant)}",
        OWNERS,
    )


def late_letter(schedule: Schedule, news: Late) -> Letter:
    """Tell those who promised, before readers ask."""
    name = name_of(schedule.variant)
    return letter(
        f"{name}: late, promised by {time_of_day(news.promised_at)}",
        f"{name} was promised to be fresh by {moment(news.promised_at)}, and it is not:",
        news.sentence,
        what_readers_see(schedule.variant.current, "it is late"),
        *_where(schedule),
    )


def suspended_letter(schedule: Schedule, news: Suspended) -> Letter:
    """Tell those who can resume it, at once and every week."""
    name = name_of(schedule.variant)
    still = "still " if news.is_reminder else ""
    since = f" since {moment(schedule.state_at)}" if news.is_reminder else ""
    return letter(
        f"{name}: its schedule is {still}suspended",
        f"The schedule “{schedule.name}” of {name} is {still}suspended{since}:",
        news.sentence,
        "Nothing of it is refreshed by itself until you resume it. We remind you every week; end the "
        "schedule if it is not needed any more.",
        *_where(schedule),
    )


def soon_suspended_letter(schedule: Schedule, news: SoonSuspended) -> Letter:
    """Tell those who could say that it is needed."""
    name = name_of(schedule.variant)
    return letter(
        f"{name}: nobody opens it, and its schedule will be suspended",
        f"The schedule “{schedule.name}” of {name} will be suspended:",
        news.sentence,
        "Open the page, or change the schedule, and it goes on.",
        *_where(schedule),
    )


def disabled_letter(name: str, *, reason: str, at: datetime) -> Letter:
    """Tell the owner of a webhook that its program is not told any more."""
    return letter(
        f"Webhook {name}: disabled",
        f"The webhook “{name}” was disabled on {moment(at)}, and its program is told nothing more:",
        reason,
        f"Repair the program, send a test, and enable it:\n{settings.PORTAL_ORIGIN}/operations/webhooks/",
    )


def entry_lines(entries: Sequence[Entry]) -> str:
    """One line for each, with its run's link below."""
    shown = [_entry(entry) for entry in entries[:MOST_ENTRIES]]
    left = len(entries) - len(shown)
    return "\n".join([*shown, *([f"- and {left} more"] if left else [])])


def _entry(entry: Entry) -> str:
    at = parse_datetime(entry["at"])
    assert at is not None
    return f"- {time_of_day(at)} {entry['name']}: {entry['text']}\n  {run_link(entry['run'])}"


def _failed_code(run: Run) -> str:
    code = run.failed_code
    if not code:
        return ""
    line = f", line {code['line']}" if code.get("line") else ""
    marked = [
        f"{'→' if one['number'] == code.get('line') else ' '} {one['number']:>4}  {one['text']}"
        for one in code["lines"]
    ]
    return "\n".join([f"Cell {code['cell']} of {code['of']}{line}:", *marked])


def _last_words(run: Run) -> str:
    """The end of the trace, where the log does not end with it."""
    if not run.has_more_words:
        return ""
    return "\n".join(["The trace ends:", *_cut(run.last_words.splitlines())])


def _log_end(run: Run) -> str:
    lines = logs.last_lines(run, LOG_LINES)
    return "\n".join(["The log ends:", *_cut(lines)]) if lines else ""


def _cut(lines: Sequence[str]) -> list[str]:
    return [f"  {line[:WIDEST_LINE]}" for line in lines[-LOG_LINES:]]


def _where(schedule: Schedule) -> tuple[str, str, str]:
    page = link_of(schedule.variant)
    return f"Its schedules:\n{schedule_link(schedule)}", f"The page:\n{page}", OWNERS


def schedule_link(schedule: Schedule) -> str:
    return f"{url_of(schedule.variant.publication)}schedule/"
