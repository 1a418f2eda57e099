"""Small office files, written part by part."""

import io
import zipfile

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"
PRESENTATION = "http://schemas.openxmlformats.org/presentationml/2006/main"
WORDS = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"

CORE = """<cp:coreProperties
  xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties"
  xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/">
  <dc:title>{title}</dc:title><dc:creator>Ada Berg</dc:creator>
  <dcterms:created>2026-01-02T03:04:05Z</dcterms:created>
  <dcterms:modified>2026-02-03T04:05:06Z</dcterms:modified></cp:coreProperties>"""


def package(parts: dict[str, str | bytes]) -> bytes:
    """The bytes of an office file of these parts."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {"[Content_Types].xml": "<Types/>", **parts}.items():
            archive.writestr(name, content)
    return written.getvalue()


def relations(targets: dict[str, str]) -> str:
    items = "".join(f'<Relationship Id="{key}" Target="{to}"/>' for key, to in targets.items())
    return f'<Relationships xmlns="{RELATIONS}">{items}</Relationships>'


def workbook(sheets: dict[str, str], *, strings: str = "", styles: str = "", **more: str) -> bytes:
    """A workbook; `sheets` are the rows of each sheet as XML, by name."""
    listed = "".join(
        f'<sheet name="{name}" sheetId="{number}" r:id="r{number}"/>'
        for number, name in enumerate(sheets, start=1)
    )
    targets = {f"r{number}": f"worksheets/s{number}.xml" for number in range(1, len(sheets) + 1)}
    properties = more.pop("properties", "")
    parts = {
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}">{properties}'
        f"<sheets>{listed}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": relations(targets),
        **{
            f"xl/worksheets/s{number}.xml": f'<worksheet xmlns="{MAIN}"><sheetData>{rows}'
            "</sheetData></worksheet>"
            for number, rows in enumerate(sheets.values(), start=1)
        },
        **more,
    }
    if strings:
        parts["xl/sharedStrings.xml"] = f'<sst xmlns="{MAIN}">{strings}</sst>'
    if styles:
        parts["xl/styles.xml"] = f'<styleSheet xmlns="{MAIN}">{styles}</styleSheet>'
    return package(parts)


def slides(*texts: tuple[str, str], title: str = "") -> bytes:
    """A presentation; each slide is its title and its text."""
    names = {f"r{number}": f"slides/slide{number}.xml" for number in range(1, len(texts) + 1)}
    listed = "".join(f'<p:sldId id="{number}" r:id="{key}"/>' for number, key in enumerate(names))
    return package(
        {
            "docProps/core.xml": CORE.format(title=title),
            "ppt/presentation.xml": f'<p:presentation xmlns:p="{PRESENTATION}" xmlns:r="{OFFICE}">'
            f"<p:sldIdLst>{listed}</p:sldIdLst></p:presentation>",
            "ppt/_rels/presentation.xml.rels": relations(names),
            **{f"ppt/slides/slide{n}.xml": _slide(*text) for n, text in enumerate(texts, start=1)},
        }
    )


def _slide(title: str, text: str) -> str:
    shapes = "".join(
        f'<p:sp><p:nvPr><p:ph type="{kind}"/></p:nvPr><a:p><a:r><a:t>{words}</a:t></a:r></a:p></p:sp>'
        for kind, words in (("title", title), ("body", text))
    )
    return f'<p:sld xmlns:p="{PRESENTATION}" xmlns:a="{DRAWING}">{shapes}</p:sld>'


def document(*paragraphs: str, title: str = "") -> bytes:
    """A text document."""
    body = "".join(f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>" for text in paragraphs)
    return package(
        {
            "docProps/core.xml": CORE.format(title=title),
            "word/document.xml": f'<w:document xmlns:w="{WORDS}"><w:body>{body}</w:body></w:document>',
        }
    )
