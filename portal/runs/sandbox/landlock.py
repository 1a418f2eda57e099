"""Files and signals kept from a process by Landlock (landlock(7)), without any privilege.

What is not named here does not exist for the process: other folders answer "permission denied".
"""

import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from pathlib import Path

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same numbers on every machine
VERSION = 1  # flag of CREATE_RULESET
BENEATH = 1  # kind of rule
OLDEST = 3  # before it, files could be truncated through the walls

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
TRUNCATE, IOCTL_DEVICE = 1 << 14, 1 << 15
READ = EXECUTE | READ_FILE | READ_DIR
FOR_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEVICE
TCP = 3  # bind and connect
SCOPES = 3  # abstract sockets and signals: only to processes behind the same walls


def version() -> int:
    """What the kernel offers; 0 when it has no Landlock, or does not use it."""
    return max(0, _call(CREATE_RULESET, None, ctypes.c_size_t(0), VERSION))


def confine(*, readable: Iterable[Path], writable: Iterable[Path], network: bool) -> None:
    """Put this process and all that it becomes or starts behind these walls; there is no way back.

    Names that do not exist are left out. The process must have renounced new privileges.

    :raises OSError: when the kernel does not offer enough.
    """
    offered = version()
    if offered < OLDEST:
        raise OSError(f"Landlock {OLDEST} is needed (Linux 6.2); this kernel offers {offered}")
    files = _all_rights(offered)
    rules = _checked(_ruleset(files, offered, network=network))
    for path in readable:
        _allow(rules, path, READ & files)
    for path in writable:
        _allow(rules, path, files)
    _checked(_call(RESTRICT_SELF, rules, 0))
    os.close(rules)


def _all_rights(offered: int) -> int:
    """Every right over files that this version knows (ABI 3 ends at TRUNCATE, 5 at IOCTL_DEVICE)."""
    return (IOCTL_DEVICE << 1) - 1 if offered >= 5 else (TRUNCATE << 1) - 1


def _ruleset(files: int, offered: int, *, network: bool) -> int:
    """struct landlock_ruleset_attr, which has grown with the versions."""
    attributes = struct.pack("Q", files)
    if offered >= 4:
        attributes += struct.pack("Q", 0 if network else TCP)
    if offered >= 6:
        attributes += struct.pack("Q", SCOPES)
    return _call(CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)


def _allow(rules: int, path: Path, rights: int) -> None:
    try:
        target = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # not on this machine
    try:
        if not stat.S_ISDIR(os.fstat(target).st_mode):
            rights &= FOR_FILES
        _checked(_call(ADD_RULE, rules, BENEATH, struct.pack("=Qi", rights, target), 0))
    finally:
        os.close(target)


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), "Landlock refused its rules")
    return result


def _call(number: int, *arguments: object) -> int:
    result: int = ctypes.CDLL(None, use_errno=True).syscall(ctypes.c_long(number), *arguments)
    return result
