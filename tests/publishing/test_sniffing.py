import pytest

from portal.publishing.sniffing import sniff, sniff_bytes


@pytest.mark.parametrize(
    ("head", "content"),
    [
        (b"\x89PNG\r\n\x1a\n...", "png"),
        (b"\xff\xd8\xff\xe0", "jpeg"),
        (b"GIF89a", "gif"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "webp"),
        (b"RIFF\x10\0\0\0WAVE", "binary"),
        (b"%PDF-1.7", "pdf"),
        (b"PK\x03\x04", "zip"),
        (b"\x7fELF\x02", "program"),
        (b"MZ\x90", "program"),
        (b"%!PS-Adobe", "postscript"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"<!DOCTYPE HTML><p>", "html"),
        (b"\xef\xbb\xbf\n<!-- x --><html>", "html"),
        (b"<script>alert(1)", "html"),
        (b"a,b\n1,<html>", "text"),
        (b"<svg xmlns=", "text"),
        (b"\xff\xfea\0", "text"),
        (b"a\0b", "binary"),
        (b"", "text"),
    ],
)
def test_content_is_told_by_its_first_bytes(head, content):
    assert sniff_bytes(head) == content


def test_file_is_told_by_its_first_bytes_only(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"a,b\n" * 5000 + b"\0")

    assert sniff(path) == "text"
