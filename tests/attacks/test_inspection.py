"""Every hostile file of the collection beside the repository, through the workshop in its child."""

import base64
import json
import random
from pathlib import Path

import pytest
from django.conf import settings

from portal.common import children
from portal.common.refusals import Refused
from portal.publishing import workshop
from portal.publishing.formats import formats_by_extension

ATTACKS = Path(settings.BASE_DIR).parent / "shared" / "attacks"
MUTANTS = 150

pytestmark = pytest.mark.attacks


def collected():
    manifest = ATTACKS / "manifest.json"
    if not manifest.exists():
        return []
    cases = json.loads(manifest.read_text())["cases"]
    return [case for case in cases if case["kind"] != "raw" and (ATTACKS / case["file"]).exists()]


CASES = collected()


def upload_of(case, path=None):
    name = base64.b64decode(case["upload_name_b64"]).decode("utf-8", "surrogateescape")
    return {"path": str(path or ATTACKS / case["file"]), "name": name}


def canaries():
    return list(Path("/tmp").glob("CORPUS_CANARY_*"))


def outcome_of(case, folder):
    """`accepted`, or the code of the refusal; within the memory that the case allows."""
    try:
        made = children.call(
            "portal.publishing.workshop:prepare",
            memory_mb=case["limits"]["rss_mb"],
            uploads=[upload_of(case)],
            destination=str(folder),
            formats=formats_by_extension(),
            kind=case["kind"],
        )
    except Refused as refused:
        return refused.code
    json.dumps(made, allow_nan=False)
    return "accepted"


def test_collection_is_read():
    assert len(CASES) > 150


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in CASES])
def test_hostile_file_is_taken_or_refused_as_it_should_be(case, tmp_path):
    expected = case["error_code"] if case["expect"] == "refused" else "accepted"

    assert outcome_of(case, tmp_path / "prepared") == expected
    assert not canaries()
    assert [path.name for path in tmp_path.iterdir()] in ([], ["prepared"])


@pytest.mark.parametrize(
    "case", [pytest.param(c, id=c["id"]) for c in CASES if "bytes_identical" in c["checks"]]
)
def test_hostile_page_is_kept_byte_for_byte(case, tmp_path):
    made = workshop.prepare([upload_of(case)], str(tmp_path), formats_by_extension())

    kept = (tmp_path / "bundle" / made["entry"]).read_bytes()
    shown = (tmp_path / "edition" / made["entry"]).read_bytes()

    assert kept == (ATTACKS / case["file"]).read_bytes()
    assert shown.replace(b'<script src="/static/content/sandbox.js"></script>', b"", 1) == kept


def damaged(content, other, rng):
    """Random damage of the kinds that break parsers."""
    content = bytearray(content)
    place = rng.randrange(len(content))
    match rng.choice(["flip", "cut", "splice", "insert", "repeat"]):
        case "flip":
            for _ in range(rng.randint(1, 8)):
                content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        case "cut":
            del content[place + 1 :]
        case "splice":
            content[place:] = other[rng.randrange(len(other)) :][:5000]
        case "insert":
            content[place:place] = rng.randbytes(rng.randint(1, 64))
        case "repeat":
            content[place:place] = content[place : place + 50] * rng.randint(2, 200)
    return bytes(content)


def test_damaged_files_are_refused_and_never_fail(tmp_path):
    rng = random.Random(1)
    pool = [case for case in CASES if 0 < case["size"] < 50_000 and case["category"] != "filename"]
    formats, outcomes = formats_by_extension(), []

    for number in range(MUTANTS):
        case, other = rng.choice(pool), rng.choice(pool)
        mutant = tmp_path / "mutant"
        contents = [(ATTACKS / one["file"]).read_bytes() for one in (case, other)]
        mutant.write_bytes(damaged(*contents, rng))
        try:
            workshop.prepare([upload_of(case, mutant)], str(tmp_path / str(number)), formats)
            outcomes.append("accepted")
        except Refused as refused:
            outcomes.append(refused.code)

    assert len(outcomes) == MUTANTS
    assert {"accepted", "unreadable_file"} < set(outcomes)
    assert not canaries()
