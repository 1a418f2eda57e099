import json

import pytest

from portal.common.refusals import Refused
from reports.producers import table


def shown(folder, content, name="data.csv"):
    """The data of the page that is made of a table."""
    (folder / "in").mkdir()
    (folder / "out").mkdir()
    path = folder / "in" / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    table.render(path.parent, name, folder / "out")
    return json.loads((folder / "out/data.json").read_text())


def refusal_of(folder, content, name="data.csv"):
    with pytest.raises(Refused) as refused:
        shown(folder, content, name)
    return refused.value


def columns(data):
    return [column["name"] for column in data["columns"]]


def test_table_is_typed_and_counted(tmp_path):
    data = shown(tmp_path, "day,region,n\n2026-01-01,North,1\n2026-01-02,NA,\n")

    assert [column["type"] for column in data["columns"]] == ["date", "text", "number"]
    assert data["rows"] == [["2026-01-01", "North", 1], ["2026-01-02", "NA", None]]
    assert (data["total"], data["shown"]) == (2, 2)


@pytest.mark.parametrize(
    "content",
    [
        "a,b\n1,2\n", "a;b\n1;2\n", "a\tb\n1\t2\n", "a|b\n1|2\n", "sep=;\na;b\n1;2\n",
        "sep=;\r\na;b\r\n1;2\r\n", "a,b\r1,2\r", "\n\na,b\n\n1,2\n\n", b"\xef\xbb\xbfa,b\n1,2\n",
        "a,b\n1,2\n".encode("utf-16"), '"a","b"\n"1","2"\n',
    ],
)  # fmt: skip
def test_dialects_are_understood(tmp_path, content):
    data = shown(tmp_path, content)

    assert columns(data) == ["a", "b"]
    assert data["rows"] == [[1, 2]]


def test_quoted_fields_do_not_mislead(tmp_path):
    data = shown(tmp_path, '"a,b,c";d\n"x\ny";2\n')

    assert columns(data) == ["a,b,c", "d"]
    assert data["rows"] == [["x\ny", 2]]


def test_tsv_is_parted_by_tabs_only(tmp_path):
    data = shown(tmp_path, "a,x,y,z\tb\n1\t2\n", "data.tsv")

    assert columns(data) == ["a,x,y,z", "b"]


def test_only_the_first_rows_are_in_the_page(tmp_path):
    data = shown(tmp_path, "n\n" + "\n".join(map(str, range(10_500))))

    assert (data["total"], data["shown"], data["rows"][-1]) == (10_500, 10_000, [9_999])


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("a,b\n", "no_rows"),
        ("\n\n\n", "no_rows"),
        ("a,b\n1,2\n1,2,3\n", "unreadable_file"),
        ("a,b\n1\n", "unreadable_file"),
        ("a\n" + "x" * 200_000, "unreadable_file"),
        ('a\n"open', "unreadable_file"),
        (b"a\n\0\n", "unreadable_file"),
        ("ä\n1".encode("latin-1"), "encoding_unknown"),
        (b"\xff\xfea", "encoding_unknown"),
        (",".join("x" * 2001), "too_many_columns"),
    ],
)
def test_tables_that_would_mislead_are_refused(tmp_path, content, code):
    assert refusal_of(tmp_path, content).code == code


def test_refusal_names_the_line(tmp_path):
    assert "Line 3 " in refusal_of(tmp_path, "a,b\n1,2\n1,2,3\n").message


def test_json_lines_become_rows(tmp_path):
    lines = '{"a": 1, "b": "x"}\n\n{"a": NaN, "c": {"d": [1]}}\n{"b": "\\ud800"}'

    data = shown(tmp_path, lines, "data.jsonl")

    assert columns(data) == ["a", "b", "c"]
    assert data["rows"] == [[1, "x", None], [None, None, '{"d": [1]}'], [None, "\ud800", None]]


@pytest.mark.parametrize(
    "content", ["[1]", "null", '{"a":1}\nx', '{"a":' * 5000, '{"a": ' + "9" * 5000 + "}"]
)
def test_lines_that_are_no_objects_are_refused(tmp_path, content):
    refused = refusal_of(tmp_path, content, "data.jsonl")

    assert refused.code == "unreadable_file"
    assert "Line " in refused.message
