"""A filter of system calls (seccomp, seccomp(2)), assembled by hand: one short list needs no library.

Refused is what code that computes and draws never needs and what holes in kernels are reached by: new
namespaces, mounts, tracing other processes, io_uring, BPF, keyrings, kernel modules. Refused calls fail
with EPERM, as they do for any program that lacks the privilege.
"""

import ctypes
import platform
import struct
from collections.abc import Mapping
from dataclasses import dataclass

EPERM, ENOSYS = 1, 38
AF_UNIX = 1
NAMESPACES = 0x7E020080  # every CLONE_NEW* flag of clone(2)
X32 = 0x40000000  # numbers of x86-64's second set of calls start here
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, FILTER = 38, 22, 2  # <linux/prctl.h>, <linux/seccomp.h>

# <linux/bpf_common.h>: operations of the classic machine that the kernel interprets.
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, FAIL = 0x7FFF0000, 0x00050000
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data, little-endian


@dataclass(frozen=True)
class Machine:
    """An architecture as the kernel names it (<linux/audit.h>), and its numbers of the calls."""

    architecture: int
    clone: int
    socket: int
    refused: Mapping[str, int]


CLONE3 = 435  # the same everywhere, as every call since 424
_EVERYWHERE = {"io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427}
_EVERYWHERE |= {"open_tree": 428, "move_mount": 429, "fsopen": 430, "fsmount": 432}
_EVERYWHERE |= {"pidfd_getfd": 438, "mount_setattr": 442}
# fmt: off
MACHINES = {
    "x86_64": Machine(0xC000003E, clone=56, socket=41, refused=_EVERYWHERE | {
        "ptrace": 101, "pivot_root": 155, "chroot": 161, "mount": 165, "umount2": 166, "swapon": 167,
        "reboot": 169, "init_module": 175, "delete_module": 176, "kexec_load": 246, "add_key": 248,
        "request_key": 249, "keyctl": 250, "unshare": 272, "perf_event_open": 298,
        "open_by_handle_at": 304, "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311,
        "finit_module": 313, "kexec_file_load": 320, "bpf": 321, "userfaultfd": 323,
    }),
    "aarch64": Machine(0xC00000B7, clone=220, socket=198, refused=_EVERYWHERE | {
        "umount2": 39, "mount": 40, "pivot_root": 41, "chroot": 51, "unshare": 97, "kexec_load": 104,
        "init_module": 105, "delete_module": 106, "ptrace": 117, "reboot": 142, "add_key": 217,
        "request_key": 218, "keyctl": 219, "swapon": 224, "perf_event_open": 241,
        "open_by_handle_at": 265, "setns": 268, "process_vm_readv": 270, "process_vm_writev": 271,
        "finit_module": 273, "bpf": 280, "userfaultfd": 282, "kexec_file_load": 294,
    }),
}
# fmt: on


class NoFilter(Exception):
    """No filter can be made for this machine."""


def is_known() -> bool:
    """Whether a filter can be made for this machine."""
    return platform.machine() in MACHINES


def program(*, network: bool, machine: str = "") -> bytes:
    """The filter as the kernel and bubblewrap read it: 8 bytes an instruction.

    Without `network`, only sockets between local processes can be made.

    :raises NoFilter: on machines whose numbers we do not know.
    """
    known = MACHINES.get(machine or platform.machine())
    if known is None:
        raise NoFilter(f"no list of system calls for {machine or platform.machine()} processors")
    lines = [
        *_unless(ARCHITECTURE, known.architecture, _fail(EPERM)),
        _line(LOAD, NUMBER),
        *_when(AT_LEAST, X32, _fail(EPERM)),
        *(line for number in known.refused.values() for line in _when(EQUAL, number, _fail(EPERM))),
        # Its flags are behind a pointer that no filter can follow; C libraries then use clone.
        *_when(EQUAL, CLONE3, _fail(ENOSYS)),
        *_when(
            EQUAL,
            known.clone,
            _line(LOAD, FIRST_ARGUMENT),
            *_when(ANY_BIT, NAMESPACES, _fail(EPERM)),
            _line(RETURN, ALLOW),
        ),
    ]
    if not network:
        lines += _when(
            EQUAL,
            known.socket,
            *_unless(FIRST_ARGUMENT, AF_UNIX, _fail(EPERM)),
            _line(RETURN, ALLOW),
        )
    return b"".join([*lines, _line(RETURN, ALLOW)])


def confine(*, network: bool) -> None:
    """Put this process and all that it becomes or starts under the filter; there is no way back.

    :raises NoFilter: on machines whose numbers we do not know.
    :raises OSError: when the kernel has no such filters.
    """
    renounce()
    code = program(network=network)
    held = ctypes.create_string_buffer(code, len(code))
    head = struct.pack("HxxxxxxQ", len(code) // 8, ctypes.addressof(held))  # struct sock_fprog
    _prctl(PR_SET_SECCOMP, FILTER, ctypes.c_char_p(head))


def renounce() -> None:
    """From now on no program gives this process privileges, set-user-ID ones neither."""
    _prctl(PR_SET_NO_NEW_PRIVS, 1, 0)


def _prctl(option: int, first: int, second: object) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(option, ctypes.c_ulong(first), second, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl {option} is refused")


def _line(operation: int, value: int, jump_true: int = 0, jump_false: int = 0) -> bytes:
    return struct.pack("HBBI", operation, jump_true, jump_false, value)


def _fail(error: int) -> bytes:
    return _line(RETURN, FAIL | error)


def _when(test: int, value: int, *then: bytes) -> list[bytes]:
    """Do `then` when the loaded value passes the test; else go on behind it."""
    return [_line(test, value, 0, len(then)), *then]


def _unless(offset: int, value: int, *then: bytes) -> list[bytes]:
    return [_line(LOAD, offset), _line(EQUAL, value, len(then), 0), *then]
