"""What the files of a bundle ask for, and what they may not."""

import pytest

from portal.common.refusals import Refused
from portal.runs.environments import wishes

HASH = "sha256:" + "ab" * 32
PYLOCK = """
lock-version = "1.0"
[[packages]]
name = "Six"
version = "1.17.0"
marker = "python_version > '3'"
wheels = [{ url = "https://example.com/six.whl", hashes = { sha256 = "%s" } }]
"""


def texts(wish) -> list[str]:
    return [line["text"] for line in wish["lines"]]


def test_requirements_are_read_without_comments_and_with_their_lines(bundle):
    folder = bundle(
        {"requirements.txt": "# data\npandas >= 2  # frames\n\nSix==1.17.0 ; os_name=='nt'\n"}
    )

    wish = wishes.read(str(folder))

    assert (wish["source"], wish["exact"], wish["python"]) == ("requirements.txt", False, "")
    assert wish["lines"] == [
        {"number": 2, "name": "pandas", "text": "pandas>=2"},
        {"number": 4, "name": "six", "text": 'Six==1.17.0; os_name == "nt"'},
    ]


def test_requirements_with_hashes_are_exact(bundle):
    folder = bundle({"requirements.txt": f"six==1.17.0 \\\n    --hash={HASH}\n"})

    wish = wishes.read(str(folder))

    assert wish["exact"] is True
    assert texts(wish) == [f"six==1.17.0 --hash={HASH}"]


def test_pylock_becomes_hashed_requirements(bundle):
    wish = wishes.read(str(bundle({"pylock.toml": PYLOCK % ("ab" * 32)})))

    assert wish["exact"] is True
    assert texts(wish) == [f'Six==1.17.0; python_version > "3" --hash={HASH}']


def test_project_dependencies_and_python_are_read(bundle):
    text = '[project]\nname = "x"\nrequires-python = ">=3.11"\ndependencies = [\n  "six>=1",\n]\n'

    wish = wishes.read(str(bundle({"pyproject.toml": text})))

    assert wish["lines"] == [{"number": 5, "name": "six", "text": "six>=1"}]
    assert wish["python"] == ">=3.11"


def test_project_without_dependencies_asks_for_nothing(bundle):
    wish = wishes.read(str(bundle({"pyproject.toml": "[tool.ruff]\nline-length = 100\n"})))

    assert (wish["source"], wish["lines"]) == ("", [])


def test_locks_count_before_requirements(bundle):
    files = {"pylock.toml": PYLOCK % ("ab" * 32), "requirements.txt": "pandas\n"}

    assert wishes.read(str(bundle(files)))["source"] == "pylock.toml"


@pytest.mark.parametrize("text", ["3.12\n", "# why\n3.12.1\n", "cpython-3.12.4\n"])
def test_python_version_means_its_minor_version(bundle, text):
    assert wishes.read(str(bundle({".python-version": text})))["python"] == "==3.12.*"


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("requirements.txt", "six\n--index-url https://evil.example\n", "line 2: --index-url is an option"),
        ("requirements.txt", "-r /etc/passwd\n", "line 1: -r is an option"),
        ("requirements.txt", "-e .\n", "line 1: -e is an option"),
        ("requirements.txt", "six @ file:///etc/passwd\n", "line 1: six comes from an address"),
        ("requirements.txt", "\n./local\n", "line 2: './local' is not a requirement"),
        ("requirements.txt", "six=1\n", "line 1: 'six=1' is not a requirement"),
        ("pyproject.toml", '[project]\ndynamic = ["dependencies"]\n', "its dependencies are dynamic"),
        ("pyproject.toml", "[project\n", "it is not valid TOML"),
        ("pyproject.toml", '[project]\nrequires-python = "new"\n', "line 2: requires-python 'new'"),
        ("pylock.toml", "[[packages]]\nname = 'x'\nversion = '1'\n", "x has no version or no wheels"),
        ("pylock.toml", "packages = 1\n", "it has no [[packages]]"),
        (".python-version", "pypy3.10\n", "line 1: 'pypy3.10' is no Python version"),
    ],
)  # fmt: skip
def test_what_cannot_be_followed_is_refused_with_its_line(bundle, file, text, says):
    folder = bundle({file: text})

    with pytest.raises(Refused) as refused:
        wishes.read(str(folder))

    assert refused.value.code == "requirements_invalid"
    assert f"{file}" in refused.value.message
    assert says in refused.value.message
