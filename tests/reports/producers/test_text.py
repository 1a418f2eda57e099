from reports.producers import text


def test_text_is_shown_as_text(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"<script>alert(1)</script>\n\xff\x1b[31mred")
    (tmp_path / "out").mkdir()

    produced = text.render(tmp_path, "a.txt", tmp_path / "out")

    page = (tmp_path / "out" / produced.entry).read_text()
    assert "<pre>&lt;script&gt;alert(1)&lt;/script&gt;\n\ufffd[31mred</pre>" in page
    assert (tmp_path / "out/a.txt").read_bytes() == (tmp_path / "a.txt").read_bytes()
    assert text.inspect(tmp_path, "a.txt") == {"bytes": 35}
