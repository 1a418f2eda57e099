import json

import pytest

from portal.common.refusals import Refused
from registry.producers import card

CARD = """---
name: Churn <b>
version: 1e3
trained: 2026-01-02
at: 2026-01-02 03:04:05
owner: null
1: one
metrics: {auc: .nan, acc: .inf, f1: 0.9, by: {north: 1}}
tags: [a, b, {c: d}]
ok: yes
---
# Uses

![x](http://elsewhere/x.png) <script>alert(1)</script>
"""


def refusal_of(folder, content):
    (folder / "MODEL_CARD.md").write_bytes(
        content if isinstance(content, bytes) else content.encode()
    )
    with pytest.raises(Refused) as refused:
        card.inspect(folder, "MODEL_CARD.md")
    return refused.value


def test_facts_of_a_card_are_strict_json(tmp_path):
    (tmp_path / "MODEL_CARD.md").write_text(CARD)

    facts = card.inspect(tmp_path, "MODEL_CARD.md")

    assert json.loads(json.dumps(facts, allow_nan=False)) == {
        "title": "Churn <b>",
        "card": {
            "name": "Churn <b>",
            "version": "1e3",
            "trained": "2026-01-02",
            "at": "2026-01-02T03:04:05",
            "owner": None,
            "1": "one",
            "metrics": {"auc": None, "acc": None, "f1": 0.9, "by": {"north": 1}},
            "tags": ["a", "b", {"c": "d"}],
            "ok": True,
        },
    }


def test_card_is_shown_with_its_facts_and_without_its_scripts(tmp_path):
    (tmp_path / "MODEL_CARD.md").write_text(CARD)
    (tmp_path / "out").mkdir()

    produced = card.render(tmp_path, "MODEL_CARD.md", tmp_path / "out")

    page = (tmp_path / "out" / produced.entry).read_text()
    assert produced.title == "Churn <b>"
    assert '<th scope="row">metrics by north</th><td>1</td>' in page
    assert '<th scope="row">metrics auc</th><td>not known</td>' in page
    assert '<th scope="row">tags</th><td>a, b</td>' in page
    assert "<h1>Churn &lt;b&gt;</h1>" in page
    assert "Uses</h1>" in page
    assert "alert(1)" not in page
    assert "elsewhere" not in page


def test_card_without_a_head_is_markdown(tmp_path):
    (tmp_path / "MODEL_CARD.md").write_text("# My model\n\ntext")
    (tmp_path / "out").mkdir()

    produced = card.render(tmp_path, "MODEL_CARD.md", tmp_path / "out")

    assert produced.title == "My model"
    assert card.inspect(tmp_path, "MODEL_CARD.md")["card"] == {}


@pytest.mark.parametrize(
    ("head", "says"),
    [
        ("a: &a [x]\nb: [*a, *a]", "aliases"),
        ("a: b: c", "line 2"),
        ("x: !!python/object/apply:os.system [id]", "line 2"),
        ("- a\n- b", "names and values"),
        ("a: " + "[" * 13 + "]" * 13, "nests"),
        ("a: " + "[" * 20_000, "nests"),
        ("a: 2026-99-99", "not YAML"),
        ("? [a]\n: b", "line 2"),
        ("a: " + "x" * 70_000, "characters"),
    ],
)
def test_head_that_cannot_be_trusted_is_refused(tmp_path, head, says):
    refused = refusal_of(tmp_path, f"---\n{head}\n---\n# x\n")

    assert refused.code == "card_invalid"
    assert says in refused.message


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * 2_000_001])
def test_card_that_is_no_text_is_refused(tmp_path, content):
    assert refusal_of(tmp_path, content).code == "card_invalid"
