"""One stored file as an HTTP answer: types, names, tags, parts. Who may have it was settled before."""

from pathlib import PurePosixPath
from typing import IO

from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseNotModified
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header, parse_etags

from portal.common import ranges, storage
from portal.publishing.content_types import is_shown
from portal.publishing.models import TreeEntry

BLOCK = 1 << 16


class StreamedFile(FileResponse):
    """A file in blocks large enough for object storage and thin enough for 32 threads."""

    block_size = BLOCK

    def set_headers(self, filelike: IO[bytes]) -> None:
        """Nothing is guessed from the blob: its name is a digest, and its type is in the tree."""


def respond(request: HttpRequest, entry: TreeEntry, *, seconds: int) -> HttpResponseBase:
    """The file, the part of it that was asked for, or 304. The entry must come with its blob.

    :param seconds: how long the browser may keep it without asking again.
    :raises FileNotFoundError: when the store has lost the bytes.
    """
    etag = f'"{entry.blob_id}"'
    response = _not_modified(request, etag) or _answer(request, entry, etag)
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = f"private, max-age={seconds}, immutable"
    return response


def _not_modified(request: HttpRequest, etag: str) -> HttpResponse | None:
    known = parse_etags(request.headers.get("If-None-Match", ""))
    return HttpResponseNotModified() if "*" in known or etag in _strong(known) else None


def _strong(tags: list[str]) -> list[str]:
    """If-None-Match compares weakly: proxies that compress put `W/` before our tag."""
    return [tag.removeprefix("W/") for tag in tags]


def _answer(request: HttpRequest, entry: TreeEntry, etag: str) -> HttpResponseBase:
    size = entry.blob.size
    try:
        part = ranges.requested(_range_header(request, etag), size)
    except ranges.Unsatisfiable:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    stream = storage.open_blob(entry.blob_id)
    headers = _headers(entry, part)
    status = 200 if part is None else 206
    if request.method == "HEAD":
        stream.close()
        return HttpResponse(status=status, headers=headers)
    body = stream if part is None else ranges.Part(stream, part)
    return StreamedFile(body, status=status, headers=headers)


def _range_header(request: HttpRequest, etag: str) -> str:
    """The `Range` asked for, unless `If-Range` says that it was meant for another file."""
    if request.headers.get("If-Range", etag) != etag:
        return ""
    return request.headers.get("Range", "")


def _headers(entry: TreeEntry, part: range | None) -> dict[str, str]:
    size = entry.blob.size
    name = PurePosixPath(entry.path).name
    headers = {
        "Content-Type": entry.content_type,
        "Content-Length": str(size if part is None else len(part)),
        "Content-Disposition": content_disposition_header(not is_shown(entry.content_type), name)
        or "",
        "Accept-Ranges": "bytes",
    }
    if part is not None:
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    return headers
