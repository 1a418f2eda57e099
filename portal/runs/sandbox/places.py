"""Where things lie on a machine: what every command may read, and where its interpreter lives."""

import os
from collections.abc import Iterator
from pathlib import Path

# Programs and libraries. /etc only by name: it holds what other services keep from each other.
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC = (
    "alternatives ca-certificates fonts group gai.conf host.conf hosts krb5.conf krb5.conf.d ld.so.cache "
    "ld.so.conf ld.so.conf.d localtime mime.types nsswitch.conf odbcinst.ini passwd pki protocols R "
    "resolv.conf services ssl timezone"
)
CONFIGURATION = tuple(f"/etc/{name}" for name in _ETC.split())
PROCESSORS = "/sys/devices/system/cpu"  # C libraries count them there
MOST_LINKS = 20


def of_system() -> list[Path]:
    """The folders and files of the machine that every command may read, those that exist."""
    return [path for name in (*SYSTEM, *CONFIGURATION, PROCESSORS) if (path := Path(name)).exists()]


def of_interpreter(program: str) -> list[Path]:
    """What a program needs of where it is installed: Python's whole installation or virtual environment
    for each link on the way to it, for other programs the file alone."""
    found: list[Path] = []
    for link in _links(Path(program)):
        found.append(link.parent.parent if _is_of_python(link) else link)
    return list(dict.fromkeys(path for path in found if path.is_absolute()))


def _is_of_python(link: Path) -> bool:
    """Whether the folder above is an installation of Python, and this its program. / never is: where /bin
    is a folder of /usr, it looks like one."""
    folder = link.parent.parent
    if folder == Path("/") or not link.name.startswith("python"):
        return False
    return (folder / "pyvenv.cfg").is_file() or any(folder.glob("lib/python3*"))


def _links(path: Path) -> Iterator[Path]:
    """The path, every link that it leads through, and its end."""
    for _ in range(MOST_LINKS):
        yield path
        if not path.is_symlink():
            yield path.resolve()  # folders on the way may be links too
            return
        path = Path(os.path.normpath(path.parent / path.readlink()))


def is_below(path: Path, folder: Path) -> bool:
    """Whether the path is the folder or lies in it, wherever links may lead."""
    return path.resolve().is_relative_to(folder.resolve())
