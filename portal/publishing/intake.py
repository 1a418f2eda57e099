"""Reading the body of an upload into a folder, as it was sent and within limits.

Django's own parser alters the names of files and decodes base64 parts in memory. Here names reach the
workshop as they were sent, parts are written while they arrive, and whatever is not a form as browsers
send it is refused while reading.
"""

from io import BytesIO
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile as DjangoFile
from django.core.files.uploadhandler import FileUploadHandler
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser

from portal.common.refusals import Refused
from portal.common.storage import OutOfSpace
from portal.publishing.uploads import UploadedFile

MAX_FILES = 1_000
MAX_FIELDS = MAX_FILES + 100  # one path for each file, and the form's own
PLAIN_ENCODINGS = {"7bit", "8bit", "binary"}


class Intake(FileUploadHandler):
    """Takes the reading over from Django. Afterwards `files` holds what came as “file”, `fields` the rest."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.files: list[UploadedFile] = []
        self.fields = QueryDict(mutable=True)
        self._field_bytes = 0
        self._field = ""
        self._sink: IO[bytes] | None = None

    def handle_raw_input(  # type: ignore[override]  # the stubs promise less than Django takes
        self,
        input_data: IO[bytes],
        META: dict[str, str],  # noqa: N803  Django's name
        content_length: int,
        boundary: bytes,
        encoding: str | None = None,
    ) -> "tuple[QueryDict, MultiValueDict[str, DjangoFile[Any]]]":
        """Read everything; returns the fields, and no files of Django's kind.

        :raises Refused: when it is no form, or too much.
        :raises OutOfSpace: when the scratch folder is full.
        """
        parser = PushMultipartParser(
            boundary,
            content_length,
            max_segment_count=MAX_FILES + MAX_FIELDS,
            header_charset="latin-1",  # has a character for every byte: nothing is lost before _utf8
        )
        try:
            for event in parser.parse_blocking(input_data.read):
                self._take(event)
        except ParserLimitReached as error:
            raise Refused(
                "bad_form", "The form has more or longer parts than we take.", 413
            ) from error
        except MultipartError as error:
            raise Refused(
                "bad_form", "The form did not arrive whole. Send it again.", 400
            ) from error
        finally:
            self._end()
        return self.fields, MultiValueDict()

    def _take(self, event: MultipartSegment | bytes | None) -> None:
        if event is None:
            self._end()
        elif isinstance(event, MultipartSegment):
            self._begin(event)
        else:
            self._write(event)

    def _begin(self, segment: MultipartSegment) -> None:
        encoding = segment.header("Content-Transfer-Encoding", "binary")
        if encoding.strip().lower() not in PLAIN_ENCODINGS:
            message = "Send files as they are, not encoded as base64 or the like."
            raise Refused("encoding_not_allowed", message, 400)
        self._field = _utf8(segment.name or "")
        is_file = segment.filename is not None
        self._sink = self._begin_file(_utf8(segment.filename or "")) if is_file else BytesIO()

    def _begin_file(self, name: str) -> IO[bytes]:
        if not name:  # what browsers send for a file input that was left empty
            return BytesIO()
        if self._field != "file":
            raise Refused("unknown_field", "Send files in fields that are called “file”.", 400)
        if len(self.files) == MAX_FILES:
            message = (
                f"At most {MAX_FILES:,} files at once. Send them as one zip, or leave some out."
            )
            raise Refused("too_many_files", message, 413)
        path = self.folder / f"{len(self.files):04}"
        self.files.append(UploadedFile(path=path, name=name))
        return path.open("wb")

    def _write(self, chunk: bytes) -> None:
        assert self._sink is not None, "bytes come after the header of their part"
        if isinstance(self._sink, BytesIO):
            self._count_field(chunk)
        try:
            self._sink.write(chunk)
        except OSError as error:
            raise OutOfSpace(f"upload: {error.strerror}") from error

    def _count_field(self, chunk: bytes) -> None:
        self._field_bytes += len(chunk)
        if self._field_bytes > (settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0):
            raise Refused("too_large", "The fields beside the files are too long.", 413)

    def _end(self) -> None:
        sink, self._sink = self._sink, None
        if isinstance(sink, BytesIO):
            self.fields.appendlist(self._field, sink.getvalue().decode(errors="replace"))
        elif sink is not None:
            sink.close()


def _utf8(text: str) -> str:
    """The text of bytes that were read as Latin-1; what is no UTF-8 becomes U+FFFD."""
    return text.encode("latin-1").decode(errors="replace")
