"""Images: decoded once to be sure of them, and shown by a page with an `<img>` of the original.

SVG is only ever shown as an image, where it can run no script and load nothing.
"""

import io
import shutil
import warnings
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zlib import error as ZlibError  # noqa: N812

from PIL import Image, UnidentifiedImageError

from portal.common.refusals import Refused
from portal.publishing import shell, xmlfiles
from portal.publishing.formats import Produced, extension_of
from portal.publishing.sniffing import sniff
from visualizations.producers import png

JSON = Any

PAGE = "index.html"
PIXELS = 50_000_000  # 200 MB decoded
CHUNK = 1 << 16

# Pillow's name of a format by what the first bytes say and what the extension says.
_PILLOW = {"png": "PNG", "jpeg": "JPEG", "gif": "GIF", "webp": "WEBP"}
_EXTENSIONS = {
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".gif": "gif",
    ".webp": "webp",
}
# What a broken image provokes in Pillow's decoders.
_BROKEN = (
    UnidentifiedImageError,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
    ZlibError,
)


def inspect(bundle: Path, entry: str) -> dict[str, JSON]:
    """`{"width", "height", "frames"}` in pixels, empty for SVG.

    Refused: type_mismatch, image_too_large, unreadable_file; svg_not_wellformed, xml_dtd_forbidden.
    """
    path = bundle / entry
    return _inspect_svg(path) if extension_of(entry) == ".svg" else _inspect_pixels(path)


def render(bundle: Path, entry: str, output: Path) -> Produced:
    """A page with the image, and the image."""
    facts = inspect(bundle, entry)
    name, title = Path(entry).name, Path(entry).stem
    if extension_of(entry) == ".png":
        (output / name).write_bytes(png.without_bomb((bundle / entry).read_bytes()))
    else:
        shutil.copyfile(bundle / entry, output / name)
    size = f' width="{facts["width"]}" height="{facts["height"]}"' if facts else ""
    image = f'<img src="{escape(quote(f"./{name}"))}" alt="{escape(title)}"{size}>'
    page = shell.page(title, image)
    (output / PAGE).write_text(page, "utf-8")
    summary = f"{facts['width']:,} × {facts['height']:,} pixels" if facts else ""
    return Produced(PAGE, summary=summary)


def _inspect_svg(path: Path) -> dict[str, JSON]:
    with path.open("rb") as stream:
        try:
            root = xmlfiles.check(iter(lambda: stream.read(CHUNK), b""), plain_doctype=True)
        except xmlfiles.NotWellFormed as problem:
            raise _not_svg(f"it is not well-formed XML ({problem})") from None
    if root != "svg":
        raise _not_svg("its outermost element is not <svg>")
    return {}


@lru_cache(maxsize=1)
def _inspect_pixels(path: Path) -> dict[str, JSON]:
    content = sniff(path)
    if _EXTENSIONS[extension_of(path.name)] != content:
        raise Refused(
            "type_mismatch",
            f"The image is {content}, but its name says {extension_of(path.name)}. Rename it.",
            415,
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the size is checked here, for pixels that we choose
            return _decoded(path, _PILLOW[content])
    except Image.DecompressionBombError:
        raise _too_large() from None
    except _BROKEN:
        raise Refused("unreadable_file", "The image is damaged or cut off.") from None


def _decoded(path: Path, format_name: str) -> dict[str, JSON]:
    content = path.read_bytes()
    if format_name == "PNG":
        _check_pixels(*png.size(content))
        content = png.without_bomb(content)
    with Image.open(io.BytesIO(content), formats=[format_name]) as image:
        width, height = image.size
        _check_pixels(width, height)
        image.load()
        return {"width": width, "height": height, "frames": getattr(image, "n_frames", 1)}


def _check_pixels(width: int, height: int) -> None:
    if width * height > PIXELS:
        raise _too_large()


def _too_large() -> Refused:
    return Refused(
        "image_too_large",
        f"The image has more than {PIXELS // 1_000_000} million pixels. Make it smaller.",
        413,
    )


def _not_svg(problem: str) -> Refused:
    return Refused("svg_not_wellformed", f"The file is no SVG image: {problem}.")
