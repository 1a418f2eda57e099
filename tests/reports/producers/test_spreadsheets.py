import pytest

from portal.common.refusals import Refused
from reports.producers import spreadsheets, workbook
from reports.producers.office import Package
from tests.reports.producers import officefiles

STYLES = (
    '<numFmts><numFmt numFmtId="170" formatCode="yyyy\\-mm"/>'
    '<numFmt numFmtId="171" formatCode="0.0&quot; days&quot;"/></numFmts>'
    '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="170"/><xf numFmtId="171"/></cellXfs>'
)
HEAD = '<row r="1"><c r="A1" t="inlineStr"><is><t>x</t></is></c></row>'


def sheets_of(folder, content):
    path = folder / "a.xlsx"
    path.write_bytes(content)
    return list(spreadsheets.sheets(Package(path)))


def value_of(folder, cell, **parts):
    rows = f'{HEAD}<row r="2">{cell}</row>'
    return sheets_of(folder, officefiles.workbook({"S": rows}, **parts))[0].rows[0][0]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ('<c r="A2"><v>1</v></c>', 1),
        ('<c r="A2"><v>1.5</v></c>', 1.5),
        ('<c r="A2"><v>1e308</v></c>', 1e308),
        ('<c r="A2"><v>nonsense</v></c>', "nonsense"),
        ('<c r="A2" t="b"><v>1</v></c>', "true"),
        ('<c r="A2" t="e"><v>#DIV/0!</v></c>', "#DIV/0!"),
        ('<c r="A2" t="str"><f>A1&amp;"y"</f>\n<v>xy</v>\n</c>', "xy"),
        ('<c r="A2" t="s"><v>1</v></c>', "rich text"),
        ('<c r="A2" t="s"><v>99</v></c>', "99"),
        ('<c r="A2" t="d"><v>99999-99-99</v></c>', "99999-99-99"),
        ('<c r="A2" s="1"><v>45000</v></c>', "2023-03-15"),
        ('<c r="A2" s="1"><v>45000.5</v></c>', "2023-03-15 12:00:00"),
        ('<c r="A2" s="2"><v>0.25</v></c>', "06:00:00"),
        ('<c r="A2" s="3"><v>45000</v></c>', 45000),
        ('<c r="A2" s="1"><v>1e308</v></c>', "1e308"),
        ('<c r="A2" s="x"><v>3</v></c>', 3),
        ("<c><v>4</v></c>", 4),
    ],
)
def test_cells_are_read_by_their_type(tmp_path, cell, value):
    strings = (
        "<si><t>plain</t></si><si><r><t>rich </t></r><r><t>text</t></r><rPh><t>hint</t></rPh></si>"
    )

    assert value_of(tmp_path, cell, strings=strings, styles=STYLES) == value


def test_dates_may_count_from_1904(tmp_path):
    properties = '<workbookPr date1904="1"/>'
    cell = '<c r="A2" s="1"><v>43538</v></c>'

    assert value_of(tmp_path, cell, styles=STYLES, properties=properties) == "2023-03-15"


def test_gaps_are_missing_values(tmp_path):
    rows = (
        '<row r="1"><c r="A1"><v>1</v></c><c r="C1"><v>2</v></c></row>'
        '<row r="3"><c r="B3"><v>5</v></c></row>'
    )

    (sheet,) = sheets_of(tmp_path, officefiles.workbook({"S": rows}))

    assert sheet.columns == ["1", "Column 2", "2"]
    assert sheet.rows == [[None, None, None], [None, 5, None]]
    assert sheet.total == 2


def test_hidden_and_missing_sheets_are_left_out(tmp_path):
    content = officefiles.workbook({"One": HEAD, 'Two" state="hidden': HEAD, "Three": HEAD})

    assert [sheet.name for sheet in sheets_of(tmp_path, content)] == ["One", "Three"]


def test_only_the_first_rows_are_kept(tmp_path):
    rows = "".join(f'<row r="{n}"><c r="A{n}"><v>{n}</v></c></row>' for n in range(1, 10_503))

    (sheet,) = sheets_of(tmp_path, officefiles.workbook({"S": rows}))

    assert (sheet.total, len(sheet.rows), sheet.rows[-1]) == (10_501, 10_000, [10_001])


def test_single_cell_at_the_far_end_is_refused(tmp_path):
    rows = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'

    with pytest.raises(Refused) as refused:
        sheets_of(tmp_path, officefiles.workbook({"S": rows}))

    assert refused.value.code == "too_many_cells"


def test_workbook_without_sheets_is_refused(tmp_path):
    with pytest.raises(Refused) as refused:
        sheets_of(tmp_path, officefiles.workbook({}))

    assert refused.value.code == "unreadable_file"


def test_workbook_is_shown_with_its_original(tmp_path):
    (tmp_path / "a.xlsx").write_bytes(officefiles.workbook({"S": HEAD, "T": HEAD}))
    output = tmp_path / "out"
    output.mkdir()

    produced = workbook.render(tmp_path, "a.xlsx", output)

    assert produced.summary == "2 sheets"
    assert sorted(p.name for p in output.iterdir()) == ["a.xlsx", "data.json", "index.html"]
    assert workbook.inspect(tmp_path, "a.xlsx")["sheets"][0] == {
        "name": "S",
        "rows": 0,
        "columns": [{"name": "x", "type": "text"}],
    }
