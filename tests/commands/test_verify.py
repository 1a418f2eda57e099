import pytest


@pytest.fixture
def published(manage, alice, page):
    assert manage("publish", page, "--slug=sales", "--by=alice").code == 0


def test_verify_of_whole_files_says_how_many(manage, published, stored):
    answer = manage("verify")

    assert answer.code == 0
    assert answer.out == f"{len(stored())} files checked; all are whole.\n"


def test_verify_lists_a_damaged_file_with_what_needs_it(manage, published, stored):
    files = stored()
    files[0].write_bytes(b"something else")

    answer = manage("verify")

    assert answer.code == 1
    assert f"damaged  {files[0].name}" in answer.out
    assert "(sales, " in answer.out
    assert f"1 of {len(files)} files cannot be served" in answer.err


def test_verify_lists_a_missing_file(manage, published, stored):
    files = stored()
    files[0].unlink()

    answer = manage("verify")

    assert answer.code == 1
    assert f"missing  {files[0].name}" in answer.out


def test_verify_of_an_empty_installation_is_fine(manage):
    answer = manage("verify")

    assert (answer.code, answer.out) == (0, "0 files checked; all are whole.\n")
