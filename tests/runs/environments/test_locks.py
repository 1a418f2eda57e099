"""From wishes to locks, with the real resolver."""

import pytest

from portal.runs.environments import locks, pythons
from portal.runs.environments.uv import ALONE, Meanwhile, UvFailed
from portal.runs.errors import BundleError, PlatformError

pytestmark = pytest.mark.slow


def resolve(folder, *, python="", packages=(), meanwhile=ALONE):
    return locks.resolve(folder, python=python, packages=packages, meanwhile=meanwhile)


def names(lock) -> list[str]:
    return [line.split("==")[0] for line in lock.text.splitlines()]


def test_bundle_that_asks_for_nothing_has_no_lock(bundle):
    assert resolve(bundle({"main.py": "1"})) is None


def test_python_that_is_ours_alone_asks_for_nothing(bundle):
    folder = bundle({".python-version": pythons.ours().version})

    assert resolve(folder) is None


def test_requirements_become_exact_and_hashed(bundle, index):
    said = []

    lock = resolve(
        bundle({"requirements.txt": "tabulate<0.9\nsix\n"}), meanwhile=Meanwhile(said.append)
    )

    assert names(lock) == ["six", "tabulate"]
    assert "tabulate==0.8.10 --hash=sha256:" in lock.text
    assert said[0].startswith("Resolving requirements.txt for Python 3.")


def test_exact_requirements_are_taken_as_they_are(bundle):
    exact = f"six==1.17.0 --hash=sha256:{'ab' * 32}\n"

    lock = resolve(bundle({"requirements.txt": exact}))

    assert lock.text == exact


def test_notebook_gets_its_kernel_and_keeps_what_is_locked(bundle, index):
    exact = f"six==1.16.0 --hash=sha256:{'ab' * 32}"

    lock = resolve(bundle({"requirements.txt": f"{exact}\n"}), packages=("ipykernel",))

    assert "ipykernel" in names(lock)
    assert exact in lock.text.splitlines()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("six\n\nbroadsheet-has-no-such-package==1\n", "requirements.txt, line 3 (broadsheet-has-no-such-package==1): Because broadsheet-has-no-such-package was not found"),
        ("tabulate>99\n", "requirements.txt, line 1 (tabulate>99): Because only tabulate<="),
        ("six==1.16.0\nsix==1.17.0\n", "line 1 (six==1.16.0): Because you require six==1.16.0 and six==1.17.0"),
        ("docopt==0.6.2\n", "line 1 (docopt==0.6.2): Because docopt==0.6.2 has no usable wheels"),
    ],
)  # fmt: skip
def test_failing_requirement_is_the_authors_and_names_its_line(bundle, index, text, says):
    with pytest.raises(BundleError) as failed:
        resolve(bundle({"requirements.txt": text}))

    assert says in failed.value.sentence
    assert "No solution found" in failed.value.last_words


def test_python_that_is_not_installed_names_those_that_are(bundle):
    with pytest.raises(BundleError) as failed:
        resolve(bundle({"requirements.txt": "six\n"}), python="3.99")

    assert "asks for Python 3.99" in failed.value.sentence
    assert pythons.ours().version in failed.value.sentence


def test_uv_lock_needs_its_project(bundle):
    with pytest.raises(BundleError, match=r"needs its pyproject\.toml"):
        resolve(bundle({"uv.lock": "version = 1\n"}))


def test_unreachable_index_is_not_the_authors_fault(bundle, monkeypatch):
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")

    with pytest.raises(PlatformError, match="package index cannot be reached"):
        resolve(bundle({"requirements.txt": "broadsheet-never-asked-before\n"}))


def test_index_of_a_bundle_is_not_asked(bundle, index):
    evil = '[[tool.uv.index]]\nurl = "http://127.0.0.1:9/simple"\ndefault = true\n'
    project = f'[project]\nname = "x"\nversion = "1"\ndependencies = ["six"]\n{evil}'

    lock = resolve(bundle({"pyproject.toml": project}))

    assert names(lock) == ["six"]


def test_error_of_a_full_disk_is_ours():
    error = locks.error_of(UvFailed("error: No space left on device (os error 28)"), "", [])

    assert isinstance(error, PlatformError)
    assert "no room" in error.sentence


def test_standard_lock_gets_what_executes_the_code(tmp_path, settings, index):
    exact = f"six==1.16.0 --hash=sha256:{'ab' * 32}"
    (tmp_path / "standard.txt").write_text(f"{exact}\n")
    settings.STANDARD_ENVIRONMENT = str(tmp_path / "standard.txt")

    lock = locks.standard(("six", "tabulate"), ALONE)

    assert names(lock) == ["six", "tabulate"]
    assert exact in lock.text.splitlines()
