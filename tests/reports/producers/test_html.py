import pytest

from portal.common.refusals import Refused
from reports.producers import html
from reports.producers.html import FORMULAS, SANDBOX_SCRIPT, with_our_scripts

MARK = b"@@"


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (b"<!doctype html><html><head><title>x", b"<!doctype html><html><head>@@<title>x"),
        (b'<html lang="a>b"><!-- <head> -->\n<HEAD x=\'>\'><p>', b'<html lang="a>b"><!-- <head> -->\n<HEAD x=\'>\'>@@<p>'),
        (b"<html><header>x", b"<html>@@<header>x"),
        (b"\xef\xbb\xbf<!DOCTYPE html>\n<body>", b"\xef\xbb\xbf<!DOCTYPE html>\n@@<body>"),
        (b'<?xml version="1.0"?><html><body>', b'<?xml version="1.0"?><html>@@<body>'),
        (b"<!-- <html><head> --><p>x", b"<!-- <html><head> -->@@<p>x"),
        (b"<p>only a fragment", b"@@<p>only a fragment"),
        (b'<html "<head>', b'@@<html "<head>'),
        (b"", b"@@"),
    ],
)  # fmt: skip
def test_sandbox_script_comes_before_everything_that_runs(page, expected):
    assert with_our_scripts(page) == expected.replace(MARK, SANDBOX_SCRIPT)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_pages_whose_bytes_are_not_ascii_stay_as_they_are(encoding):
    page = "<html><head><script>x</script>".encode(encoding)

    assert with_our_scripts(page) == page


@pytest.mark.parametrize(
    ("page", "is_drawn"),
    [
        ('script.src  = "https://mathjax.rstudio.com/latest/MathJax.js?config=TeX-AMS";', True),
        ('<script src="https://cdn.jsdelivr.net/npm/mathjax@3/es5/tex-chtml-full.js"></script>', True),
        ("<script async\nsrc='//cdnjs.cloudflare.com/ajax/libs/mathjax/2.7.7/latest.js'> </script>", True),
        ('<script src="/usr/share/javascript/mathjax/MathJax.js"></script>', True),
        ("math: { mathjax: 'https://cdn.jsdelivr.net/npm/mathjax@2.7.0/MathJax.js' }", True),
        ('<script src="lib/mathjax/MathJax.js"></script>', False),
        ('t.src="https://cdn.jsdelivr.net/npm/mathjax@3/es5/tex-svg.js"', False),
        ('<a href="https://www.mathjax.org">MathJax</a>', False),
        ("<script>window.MathJax = {};</script>", False),
    ],
)  # fmt: skip
def test_page_gets_katex_where_it_would_load_mathjax_from_elsewhere(page, is_drawn):
    shown = with_our_scripts(page.encode())

    assert shown == SANDBOX_SCRIPT + (FORMULAS if is_drawn else b"") + page.encode()


def test_render_copies_the_tree_and_changes_nothing_else(tmp_path):
    bundle, output = tmp_path / "bundle", tmp_path / "output"
    files = {
        "index.html": b"<p>x",
        "sub/b.HTM": b"<p>y",
        "page.xhtml": b"<html/>",
        "a.js": b"<html>",
    }
    for name, content in {**files, ".secret": b"z"}.items():
        (bundle / name).parent.mkdir(parents=True, exist_ok=True)
        (bundle / name).write_bytes(content)
    (bundle / "link.html").symlink_to("/etc/passwd")

    produced = html.render(bundle, "index.html", output)

    shown = {
        p.relative_to(output).as_posix(): p.read_bytes() for p in output.rglob("*") if p.is_file()
    }
    assert produced.entry == "index.html"
    assert shown == {
        **files,
        "index.html": SANDBOX_SCRIPT + b"<p>x",
        "sub/b.HTM": SANDBOX_SCRIPT + b"<p>y",
    }


@pytest.mark.parametrize(
    ("page", "title", "summary"),
    [
        (
            "<title>A &amp; B</title><meta name='description' content='What &lt; how'>",
            "A & B",
            "What < how",
        ),
        ('<TITLE lang="x">\n A\n</TITLE><meta name="description" content="It\'s">', "A", "It's"),
        ("<title></title>", "", ""),
        ("<p>x", "", ""),
    ],
)
def test_inspect_finds_title_and_summary(tmp_path, page, title, summary):
    (tmp_path / "a.html").write_text(page)

    assert html.inspect(tmp_path, "a.html") == {"title": title, "summary": summary}


def test_inspect_reads_utf16(tmp_path):
    (tmp_path / "a.html").write_text("<title>Ä</title>", "utf-16")

    assert html.inspect(tmp_path, "a.html")["title"] == "Ä"


def test_blank_page_is_refused(tmp_path):
    (tmp_path / "a.html").write_text(" \n\t")

    with pytest.raises(Refused) as refused:
        html.inspect(tmp_path, "a.html")

    assert refused.value.code == "unreadable_file"
