"""Trained models as files: told apart, and refused, without ever being loaded.

Loading a pickle runs whatever it says; no scan of it is a wall. So nothing here unpickles: bytes are
read within bounds, just far enough to say clearly what is wrong.
"""

import ast
import itertools
import math
import pickletools
import struct
import zlib
from pathlib import Path
from typing import NoReturn

from portal.common.refusals import Refused
from portal.publishing import xmlfiles
from portal.publishing.archives import Archive, Limits
from portal.publishing.formats import extension_of
from portal.publishing.sniffing import sniff

HEAD = 1 << 20  # bytes of a pickle that are looked at
OPERATIONS = 100_000  # of a pickle, before we stop looking
LIMITS = Limits(total_bytes=2_000_000_000, file_bytes=2_000_000_000, files=10_000)

NUMPY = b"\x93NUMPY"
PROTOCOL = b"\x80"
DEFLATED = (b"\x78", b"\x1f\x8b")
UNREAD_COMPRESSION = (b"BZh", b"\xfd7zXZ", b"\x5d\0\0", b"\x04\x22\x4d\x18")  # bz2, xz, lzma, lz4
ZIPPED = (".pt", ".pth", ".npz")
# What pickletools raises over bytes that are no pickle.
BROKEN = (ValueError, LookupError, EOFError, OverflowError, TypeError, AttributeError, struct.error)


def inspect(bundle: Path, entry: str) -> NoReturn:
    """Refuses: unsafe_pickle, unreadable_file, xml_dtd_forbidden, or else model_not_supported."""
    path = bundle / entry
    extension = extension_of(entry)
    if extension == ".pmml":
        _check_xml(path)
    elif extension == ".npy":
        _check_array(path)
    elif extension in ZIPPED and sniff(path) == "zip":
        _check_zip(path)
    elif extension != ".onnx":
        _check_pickle(_opened(path), strict=extension != ".joblib")
    raise Refused(
        "model_not_supported",
        "Trained models are not taken yet. Publish a MODEL_CARD.md that describes the model.",
        415,
    )


def render(bundle: Path, entry: str, output: Path) -> NoReturn:
    """A trained model has no page of its own: refused like `inspect`."""
    inspect(bundle, entry)


def _check_xml(path: Path) -> None:
    with path.open("rb") as stream:
        try:
            xmlfiles.check(iter(lambda: stream.read(HEAD), b""))
        except xmlfiles.NotWellFormed:
            raise _unreadable("it is not well-formed XML") from None


def _check_array(path: Path) -> None:
    """A NumPy file: its head says type and shape (numpy.lib.format); its numbers are not read."""
    with path.open("rb") as stream:
        head = stream.read(HEAD)
    try:
        if not head.startswith(NUMPY):
            raise ValueError
        width = 2 if head[6] == 1 else 4
        start = 8 + width
        length = int.from_bytes(head[8:start], "little")
        described = ast.literal_eval(head[start : start + length].decode("latin-1").strip())
        kind, shape = str(described["descr"]), tuple(described["shape"])
        items = math.prod(shape)
    except (ValueError, SyntaxError, LookupError, TypeError, MemoryError, RecursionError):
        raise _unreadable("its head does not describe an array") from None
    if "O" in kind:
        raise _unsafe()
    if items > path.stat().st_size:
        raise _unreadable("it is shorter than its head says")


def _check_zip(path: Path) -> None:
    try:
        members = Archive(path, LIMITS).members
    except Refused:
        raise _unreadable("it is not a whole zip file") from None
    if any(member.path.endswith((".pkl", ".pickle")) for member in members):
        raise _unsafe()


def _opened(path: Path) -> bytes:
    """The beginning of a pickle, inflated where joblib compressed it."""
    with path.open("rb") as stream:
        head = stream.read(HEAD)
    if head.startswith(UNREAD_COMPRESSION):
        raise _unsafe()
    if not head.startswith(DEFLATED):
        return head
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(head, HEAD)
    except zlib.error:
        raise _unreadable("it is damaged") from None


def _check_pickle(head: bytes, *, strict: bool) -> None:
    """Whether the bytes are a pickle to its end, as far as we look.

    joblib writes the numbers of arrays between the pickle's operations; not `strict` admits that.
    """
    try:
        for operation, _, _ in itertools.islice(pickletools.genops(head), OPERATIONS):
            if operation.name == "STOP":
                raise _unsafe()
    except BROKEN:
        if len(head) < HEAD and (strict or not head.startswith(PROTOCOL)):
            raise _unreadable("it is no pickle, or cut off") from None
    raise _unsafe()


def _unsafe() -> Refused:
    return Refused(
        "unsafe_pickle",
        "The file is a pickle, which can run any code when it is loaded. Save the model in a format "
        "that holds only data, such as ONNX, or publish a MODEL_CARD.md that describes it.",
    )


def _unreadable(problem: str) -> Refused:
    return Refused("unreadable_file", f"The model file cannot be read: {problem}.")
