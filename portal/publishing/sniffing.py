"""What the first bytes of a file say it is. An extension is a claim; these bytes are evidence."""

import re
from pathlib import Path

HEAD = 4096

TEXT = "text"
BINARY = "binary"

# Signatures at the start of a file, from the formats' specifications.
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"%PDF-", "pdf"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\x7fELF", "program"),
    (b"MZ", "program"),
    (b"\xcf\xfa\xed\xfe", "program"),
    (b"%!PS", "postscript"),
    (b"\x1f\x8b", "gzip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
    (b"PAR1", "parquet"),
    (b"ARROW1", "arrow"),
)
_HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body|script|title|meta|iframe|style)\b",
    re.IGNORECASE | re.DOTALL,
)
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def sniff(path: Path) -> str:
    """One of the names above, `webp`, `html`, `text`, or `binary`."""
    with path.open("rb") as stream:
        return sniff_bytes(stream.read(HEAD))


def sniff_bytes(head: bytes) -> str:
    for signature, name in _SIGNATURES:
        if head.startswith(signature):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head.startswith(_UTF16):
        return TEXT
    if b"\0" in head:
        return BINARY
    return "html" if _HTML.match(head) else TEXT
