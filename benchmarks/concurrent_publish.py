"""Many people publish to the same slug at once: every number once, and who was too late is told so.

    python -m benchmarks.concurrent_publish --threads 50 --rounds 20 [--database postgres://...]

Half of the rounds say which version they are based on (then one may win), half do not (then all do).
The last line is JSON: {"published", "moved" (409), "duplicates", "other_errors", ...}.
"""

import argparse
import json
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from benchmarks.installation import settle


def main() -> None:
    """Publish as the command line says, and count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--database", default="")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="publish-") as folder:
        settle(Path(folder), database=options.database)
        print(json.dumps(crowd(options.threads, options.rounds)))


def crowd(threads: int, rounds: int) -> dict[str, object]:
    """What came of `rounds` in which so many threads published at the same moment."""
    from django.db.models import Count

    from portal.accounts.models import Role, User
    from portal.publishing.models import Version

    author = User.objects.create_user("author", role=Role.AUTHOR)
    said: Counter[str] = Counter()
    seconds: list[float] = []
    _publish(author, "first", "", said, seconds)
    winners = []
    for number in range(rounds):
        latest = Version.objects.latest("pk").number if number % 2 else ""
        before = Version.objects.count()
        _all_at_once(
            threads,
            lambda name, based_on=latest, round_=number: _publish(  # type: ignore[misc]
                author, f"{round_} {name}", based_on, said, seconds
            ),
        )
        winners.append((bool(latest), Version.objects.count() - before))
    again = Version.objects.values("publication", "major", "minor").annotate(n=Count("pk"))
    return {
        "published": said["published"],
        "moved": said["VersionMoved"],
        "other_errors": {
            name: n for name, n in said.items() if name not in {"published", "VersionMoved"}
        },
        "duplicates": again.filter(n__gt=1).count(),
        "winners_when_based": sorted({won for based, won in winners if based}),
        "winners_otherwise": sorted({won for based, won in winners if not based}),
        "slowest_s": round(max(seconds), 2),
    }


def _all_at_once(count: int, work: object) -> None:
    from django.db import connection

    barrier = threading.Barrier(count)

    def one(name: int) -> None:
        barrier.wait()
        work(name)  # type: ignore[operator]
        connection.close()

    crew = [threading.Thread(target=one, args=(name,)) for name in range(count)]
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()


def _publish(
    author: object, text: str, based_on: str, said: Counter[str], seconds: list[float]
) -> None:
    from django.db import DatabaseError
    from django.utils import timezone

    from portal.publishing.actions import Bundle, PublishingError, Rendered, Wish, publish_bundle
    from portal.publishing.trees import store_files

    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "index.html").write_text(text)
        files = store_files(Path(folder))
    rendered = Rendered(files=files, entry="index.html")
    bundle = Bundle(files, "index.html", "html", False, {}, {}, "report", "Crowd", "", rendered)
    wish = Wish(slug="crowded-report", based_on=based_on)
    started = time.monotonic()
    try:
        publish_bundle(bundle, wish, by=author, at=timezone.now())  # type: ignore[arg-type]
        said["published"] += 1
    except (PublishingError, DatabaseError) as error:
        said[type(error).__name__] += 1
    seconds.append(time.monotonic() - started)


if __name__ == "__main__":
    main()
