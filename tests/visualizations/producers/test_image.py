import io
import struct
import zlib

import pytest
from PIL import Image

from portal.common.refusals import Refused
from visualizations.producers import image, png

SVG = (
    b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
)
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def picture(format_name, size=(3, 2), **options):
    written = io.BytesIO()
    Image.new("RGB", size, "red").save(written, format_name, **options)
    return written.getvalue()


def chunk(kind, content):
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def with_chunk(content, kind, inside):
    """The PNG with one more chunk after its head."""
    end_of_head = len(SIGNATURE) + 25
    return content[:end_of_head] + chunk(kind, inside) + content[end_of_head:]


def facts_of(folder, name, content):
    (folder / name).write_bytes(content)
    return image.inspect(folder, name)


def refusal_of(folder, name, content):
    with pytest.raises(Refused) as refused:
        facts_of(folder, name, content)
    return refused.value.code


@pytest.mark.parametrize(
    ("name", "format_name"),
    [("a.png", "PNG"), ("a.jpg", "JPEG"), ("a.JPEG", "JPEG"), ("a.gif", "GIF"), ("a.webp", "WEBP")],
)
def test_images_are_decoded(tmp_path, name, format_name):
    facts = facts_of(tmp_path, name, picture(format_name))

    assert facts == {"width": 3, "height": 2, "frames": 1}


def test_frames_of_an_animation_are_counted(tmp_path):
    frames = [Image.new("RGB", (2, 2), colour) for colour in ("green", "blue")]
    content = picture("GIF", (2, 2), save_all=True, append_images=frames)

    assert facts_of(tmp_path, "a.gif", content)["frames"] == 3


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.png", picture("JPEG"), "type_mismatch"),
        ("a.jpg", b"%!PS-Adobe", "type_mismatch"),
        ("a.png", picture("PNG", (300, 300))[:-40], "unreadable_file"),
        ("a.png", SIGNATURE, "unreadable_file"),
        ("a.png", picture("PNG").replace(b"\0\0\0\x03\0\0\0\x02", b"\x7f\xff\xff\xff" * 2), "image_too_large"),
        ("a.gif", b"GIF89a" + b"\xff" * 4 + picture("GIF")[10:], "image_too_large"),
        ("a.jpg", b"\xff\xd8\xff\xe0", "unreadable_file"),
        ("a.webp", b"RIFF\x10\0\0\0WEBPVP8 ", "unreadable_file"),
    ],
)  # fmt: skip
def test_bad_images_are_refused(tmp_path, name, content, code):
    assert refusal_of(tmp_path, name, content) == code


def test_too_many_pixels_are_refused_before_they_are_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(image, "PIXELS", 5)

    assert refusal_of(tmp_path, "a.jpg", picture("JPEG")) == "image_too_large"


def test_colour_profile_that_is_a_bomb_is_dropped(tmp_path):
    plain = picture("PNG")
    bomb = with_chunk(plain, b"iCCP", b"p\0\0" + zlib.compress(bytes(5_000_000)))
    (tmp_path / "out").mkdir()

    assert facts_of(tmp_path, "a.png", bomb)["width"] == 3
    image.render(tmp_path, "a.png", tmp_path / "out")

    assert (tmp_path / "out/a.png").read_bytes() == plain


@pytest.mark.parametrize("inside", [b"p\0\0" + zlib.compress(b"profile"), b"p\0\0nonsense", b""])
def test_ordinary_colour_profile_stays(inside):
    content = with_chunk(picture("PNG"), b"iCCP", inside)

    assert png.without_bomb(content) == content


def test_compressed_text_that_is_a_bomb_is_refused(tmp_path):
    content = with_chunk(picture("PNG"), b"zTXt", b"k\0\0" + zlib.compress(bytes(5_000_000)))

    assert refusal_of(tmp_path, "a.png", content) == "unreadable_file"


def test_page_shows_the_image_in_its_size(tmp_path):
    content = picture("PNG")
    name = 'my "chart".png'
    (tmp_path / name).write_bytes(content)
    (tmp_path / "out").mkdir()

    produced = image.render(tmp_path, name, tmp_path / "out")

    page = (tmp_path / "out" / produced.entry).read_text()
    assert (
        '<img src="./my%20%22chart%22.png" alt="my &quot;chart&quot;" width="3" height="2">' in page
    )
    assert (tmp_path / "out" / name).read_bytes() == content
    assert produced.summary == "3 × 2 pixels"


def test_svg_is_only_shown_as_an_image(tmp_path):
    (tmp_path / "a.svg").write_bytes(SVG)
    (tmp_path / "out").mkdir()

    produced = image.render(tmp_path, "a.svg", tmp_path / "out")

    page = (tmp_path / "out" / produced.entry).read_text()
    assert '<img src="./a.svg" alt="a">' in page
    assert "alert" not in page
    assert (tmp_path / "out/a.svg").read_bytes() == SVG


def test_svg_with_the_doctype_of_matplotlib_is_taken(tmp_path):
    content = (
        b'<?xml version="1.0" encoding="utf-8" standalone="no"?>\n<!DOCTYPE svg PUBLIC '
        b'"-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">\n'
        b'<svg xmlns="http://www.w3.org/2000/svg"/>'
    )

    assert facts_of(tmp_path, "a.svg", content) == {}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"not xml", "svg_not_wellformed"),
        (b"<html/>", "svg_not_wellformed"),
        (b"<svg><g></svg>", "svg_not_wellformed"),
        (b'<!DOCTYPE svg [<!ENTITY a "b">]><svg>&a;</svg>', "xml_dtd_forbidden"),
    ],
)
def test_bad_svg_is_refused(tmp_path, content, code):
    assert refusal_of(tmp_path, "a.svg", content) == code
