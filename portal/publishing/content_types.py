"""Content types come from this list, never from whoever uploaded; what is not in it downloads."""

import re
from pathlib import PurePosixPath

UNKNOWN = "application/octet-stream"
HTML = "text/html"
HTML_UTF_8 = "text/html; charset=utf-8"

# Shown by the browser, inside the sandbox.
INLINE = {
    ".css": "text/css; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".gif": "image/gif",
    ".htm": HTML,
    ".html": HTML,
    ".ico": "image/x-icon",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".ogg": "audio/ogg",
    ".otf": "font/otf",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".wav": "audio/wav",
    ".webm": "video/webm",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xhtml": "application/xhtml+xml",
    ".xml": "text/xml",
}
DOWNLOAD = {
    ".arrow": "application/vnd.apache.arrow.file",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".feather": "application/vnd.apache.arrow.file",
    ".ipynb": "application/x-ipynb+json",
    ".md": "text/markdown; charset=utf-8",
    ".parquet": "application/vnd.apache.parquet",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".tsv": "text/tab-separated-values; charset=utf-8",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".zip": "application/zip",
}


# How far browsers look for an encoding (WHATWG HTML, "prescan a byte stream to determine its encoding").
PRESCAN_BYTES = 1024
_DECLARES_CHARSET = re.compile(
    rb"<meta[^>]+charset|^\xef\xbb\xbf|^\xfe\xff|^\xff\xfe", re.IGNORECASE
)


def content_type_of(path: str, head: bytes = b"") -> str:
    """The type that we send for a file of this name that begins with `head`.

    HTML that says nothing of its encoding in its first 1,024 bytes is UTF-8; what it says is not overruled.
    """
    suffix = PurePosixPath(path).suffix.lower()
    content_type = INLINE.get(suffix) or DOWNLOAD.get(suffix) or UNKNOWN
    if content_type == HTML and not _DECLARES_CHARSET.search(head[:PRESCAN_BYTES]):
        return HTML_UTF_8
    return content_type


def is_shown(content_type: str) -> bool:
    """Whether the browser may show it; the rest is sent as an attachment."""
    return content_type in _SHOWN


_SHOWN = frozenset(INLINE.values()) | {HTML_UTF_8}
