import pytest

from portal.common.refusals import Refused
from portal.publishing import bundles
from portal.publishing.archives import Limits
from portal.publishing.bundles import Upload
from tests.publishing.parcels import PAGE, sent, zipped


def unpacked(folder, files, limits=None):
    uploads = [
        Upload(folder / upload["path"], upload["name"]) for upload in sent(folder / "in", files)
    ]
    return bundles.unpack(uploads, folder / "bundle", Limits(**(limits or {})))


def unpacked_zip(folder, members):
    return unpacked(folder, {"report.zip": zipped(folder / "x.zip", members).read_bytes()})


def refusal_of(folder, sent_files, limits=None):
    with pytest.raises(Refused) as refused:
        unpacked(folder, sent_files, limits)
    return refused.value.code, refused.value.status


def test_single_file_keeps_its_bytes_under_a_plain_name(tmp_path):
    bundle = unpacked(tmp_path, {"../../Sales & costs.html": PAGE})

    assert (bundle.shape, bundle.name) == (bundles.FILE, "Sales & costs")
    assert bundle.files == {"Sales _ costs.html": len(PAGE)}
    assert (bundle.folder / "Sales _ costs.html").read_bytes() == PAGE


def test_folder_is_laid_out_without_its_own_name(tmp_path):
    bundle = unpacked(tmp_path, {"report/index.html": PAGE, "report/data/a.csv": b"a\n1"})

    assert (bundle.shape, bundle.name) == (bundles.FOLDER, "")
    assert bundle.files == {"index.html": len(PAGE), "data/a.csv": 3}
    assert (bundle.folder / "data/a.csv").read_bytes() == b"a\n1"


def test_files_without_a_common_folder_keep_their_paths(tmp_path):
    bundle = unpacked(tmp_path, {"a/x.csv": b"1", "b/x.csv": b"2"})

    assert sorted(bundle.files) == ["a/x.csv", "b/x.csv"]


def test_zip_is_laid_out_without_its_single_top_folder(tmp_path):
    bundle = unpacked_zip(tmp_path, {"top/": b"", "top/index.html": PAGE, "top/img/a.png": b"x"})

    assert (bundle.shape, bundle.name) == (bundles.ARCHIVE, "report")
    assert bundle.files == {"index.html": len(PAGE), "img/a.png": 1}


def test_hidden_files_and_litter_are_left_out_and_listed(tmp_path):
    members = dict.fromkeys(
        ["index.html", ".env", ".git/config", "__MACOSX/._index.html", "a/.DS_Store",
         "a/__pycache__/x.pyc", ".ipynb_checkpoints/n.ipynb", "Thumbs.db"], b"x",
    )  # fmt: skip

    bundle = unpacked_zip(tmp_path, members)

    assert list(bundle.files) == ["index.html"]
    assert bundle.left_out == sorted(set(members) - {"index.html"})
    assert [path.name for path in bundle.folder.iterdir()] == ["index.html"]


def test_modes_of_a_zip_are_not_taken_over(tmp_path):
    bundle = unpacked_zip(tmp_path, {"s.sh": b"x"})

    assert (bundle.folder / "s.sh").stat().st_mode & 0o7111 == 0


def test_zip_that_is_none_is_refused(tmp_path):
    assert refusal_of(tmp_path, {"x.zip": PAGE}) == ("type_mismatch", 415)


def test_page_that_is_a_zip_too_is_refused(tmp_path):
    content = PAGE + zipped(tmp_path / "x.zip", {"index.html": PAGE}).read_bytes()

    assert refusal_of(tmp_path, {"x.zip": content}) == ("type_mismatch", 415)


@pytest.mark.parametrize(
    ("files", "limits", "answer"),
    [
        ({}, {}, ("empty_file", 400)),
        ({"a.html": b""}, {}, ("empty_file", 400)),
        ({".env": b"x", ".x": b"y"}, {}, ("empty_file", 400)),
        ({"a": b"x" * 11}, {"file_bytes": 10}, ("file_too_large", 413)),
        ({"a": b"x" * 6, "b": b"x" * 6}, {"total_bytes": 10}, ("file_too_large", 413)),
        ({"a": b"x", "b": b"y"}, {"files": 1}, ("too_many_files", 413)),
        ({"a": b"x", "../b": b"y"}, {}, ("bad_filename", 400)),
        ({"a.html": b"x", "./a.html": b"y"}, {}, ("archive_duplicate_name", 422)),
        ({"a.html": b"x", "A.html": b"y"}, {}, ("archive_duplicate_name", 422)),
    ],
)
def test_refusals_of_files(tmp_path, files, limits, answer):
    assert refusal_of(tmp_path, files, limits) == answer


def test_what_a_run_left_is_collected_where_it_lies(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/x.html").write_bytes(PAGE)
    (tmp_path / ".cache").mkdir()

    bundle = bundles.collect(tmp_path, Limits())

    assert bundle.files == {"a/x.html": len(PAGE)}
    assert bundle.left_out == [".cache"]


def test_links_that_a_run_left_are_refused(tmp_path):
    (tmp_path / "passwd.html").symlink_to("/etc/passwd")

    with pytest.raises(Refused) as refused:
        bundles.collect(tmp_path, Limits())

    assert refused.value.code == "run_output_invalid"


@pytest.mark.parametrize("limits", [Limits(files=1), Limits(total_bytes=1)])
def test_limits_hold_for_what_a_run_left(tmp_path, limits):
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "b").write_bytes(b"y")

    with pytest.raises(Refused) as refused:
        bundles.collect(tmp_path, limits)

    assert refused.value.code == "run_output_invalid"
