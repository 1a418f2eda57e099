import io
import stat
import struct
import zipfile

import pytest

from portal.common.refusals import Refused
from portal.publishing.archives import Archive, Limits
from tests.publishing.parcels import zipped

LOCAL_FLAGS, CENTRAL_FLAGS = 6, 8


def opened(path, **limits):
    return Archive(path, Limits(**limits))


def read_all(path, **limits):
    archive = opened(path, **limits)
    return [archive.read(member) for member in archive.members]


def refusal_of(path, **limits):
    with pytest.raises(Refused) as refused:
        read_all(path, **limits)
    return refused.value.code


def with_member(path, change):
    """A zip of one member whose directory entry was changed before writing."""
    info = zipfile.ZipInfo("a.txt")
    change(info)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, b"content")
    return path


def test_members_are_read_as_they_were_written(tmp_path):
    contents = {"a.txt": b"", "b/c.bin": bytes(range(256)) * 1000, "d.txt": b"stored"}
    path = zipped(tmp_path / "x.zip", contents)
    archive = opened(path)

    copied = io.BytesIO()
    archive.copy(archive.members[1], copied)

    assert {member.path: archive.read(member) for member in archive.members} == contents
    assert copied.getvalue() == contents["b/c.bin"]


def test_folders_are_no_members(tmp_path):
    path = zipped(tmp_path / "x.zip", {"a/": b"", "a/b.txt": b"x"})

    assert [member.path for member in opened(path).members] == ["a/b.txt"]


def test_names_in_unmarked_utf8_are_understood(tmp_path):
    path = zipped(tmp_path / "x.zip", {"é.txt": b"x"})
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", LOCAL_FLAGS), (b"PK\x01\x02", CENTRAL_FLAGS)):
        struct.pack_into("<H", content, content.index(signature) + offset, 0)
    path.write_bytes(content)

    assert [member.path for member in opened(path).members] == ["é.txt"]


@pytest.mark.parametrize(
    "name", ["../x", "/etc/x", "..\\x", "C:\\x", "%2e%2e/x", "d/" * 20 + "x", "n" * 5000]
)
def test_names_that_escape_are_refused(tmp_path, name):
    path = zipped(tmp_path / "x.zip", {"index.html": b"x", name: b"y"})

    assert refusal_of(path) == "archive_bad_path"


def test_name_with_nul_is_refused(tmp_path):
    path = zipped(tmp_path / "x.zip", {"ind-x.html": b"x"})
    path.write_bytes(path.read_bytes().replace(b"ind-x", b"ind\0x"))

    assert refusal_of(path) == "archive_bad_path"


@pytest.mark.parametrize("names", [("a.txt", "A.TXT"), ("é.txt", "e\u0301.txt")])
def test_names_that_are_one_on_some_disks_are_refused(tmp_path, names):
    path = zipped(tmp_path / "x.zip", dict.fromkeys(names, b"x"))

    assert refusal_of(path) == "archive_duplicate_name"


def test_file_that_is_a_folder_is_refused(tmp_path):
    path = zipped(tmp_path / "x.zip", {"a": b"x", "a/b": b"y"})

    assert refusal_of(path) == "archive_bad_member"


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_links_and_devices_are_refused(tmp_path, kind):
    def change(info):
        info.external_attr = (kind | 0o777) << 16

    assert refusal_of(with_member(tmp_path / "x.zip", change)) == "archive_bad_member"


def test_packing_methods_other_than_deflate_are_refused(tmp_path):
    def change(info):
        info.compress_type = zipfile.ZIP_BZIP2

    assert refusal_of(with_member(tmp_path / "x.zip", change)) == "archive_bad_member"


def test_members_with_a_password_are_refused(tmp_path):
    path = zipped(tmp_path / "x.zip", {"a.txt": b"x"})
    content = bytearray(path.read_bytes())
    struct.pack_into("<H", content, content.index(b"PK\x01\x02") + CENTRAL_FLAGS, 1)
    path.write_bytes(content)

    assert refusal_of(path) == "archive_bad_member"


def test_members_that_share_bytes_are_refused(tmp_path):
    path = zipped(tmp_path / "x.zip", {"aaaa": b"x" * 1000, "bbbb": b"x" * 1000})
    content = bytearray(path.read_bytes())
    second = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 1)
    struct.pack_into("<L", content, second + 42, 0)
    path.write_bytes(content)

    assert refusal_of(path) == "archive_bad_member"


def test_bytes_are_counted_whatever_the_directory_says(tmp_path):
    path = zipped(tmp_path / "x.zip", {"a.txt": b"x" * 100_000})
    content = bytearray(path.read_bytes())
    struct.pack_into("<L", content, content.index(b"PK\x01\x02") + 24, 10)
    path.write_bytes(content)

    assert refusal_of(path) == "archive_too_large"


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"total_bytes": 1999}, "archive_too_large"),
        ({"file_bytes": 999}, "archive_too_large"),
        ({"files": 1}, "archive_too_many_files"),
    ],
)
def test_limits_hold(tmp_path, limits, code):
    path = zipped(tmp_path / "x.zip", {"a": b"x" * 1000, "b": b"y" * 1000})

    assert refusal_of(path, **limits) == code
    assert len(opened(path, total_bytes=2000, file_bytes=1000, files=2).members) == 2


def test_members_that_grow_beyond_reason_are_refused(tmp_path):
    path = zipped(tmp_path / "x.zip", {"zeros": bytes(11_000_000)})

    assert refusal_of(path) == "archive_too_large"


def test_damage_is_refused(tmp_path):
    path = zipped(tmp_path / "x.zip", {"a": bytes(range(256)) * 20})
    whole = path.read_bytes()
    flipped = whole[:60] + bytes([whole[60] ^ 255]) + whole[61:]

    for damaged in (whole[:-30], flipped, b"", b"PK\x03\x04"):
        path.write_bytes(damaged)
        assert refusal_of(path) == "unreadable_file"
