"""What the operating system can forbid the one-shot ingest process: memory, foreign files, programs, the network.

Every protection is optional: where the system lacks one, the others still apply and the log says what is missing.
Nothing here needs privileges. References: man 7 landlock, man 2 unshare, man 2 capset, man 2 setrlimit.
"""

from __future__ import annotations

import contextlib
import ctypes
import enum
import errno
import importlib.util
import os
import stat
import struct
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from s2dash.settings import IngestLimits

LANDLOCK_TCP = "landlock-tcp"
NAMESPACE = "namespace"

_PACKAGE = Path(__file__).parents[1]
_LIBRARIES = ("numpy", "rasterio", "pyproj", "shapely", "pyogrio", "numcodecs")
_SITE_NAMES = ("site-packages", "dist-packages")
_SYSTEM_FOLDERS = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/local/lib64")
_SYSTEM_STORES = ("/nix/store", "/gnu/store")
_SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/localtime", "/usr/share/zoneinfo", "/dev/urandom")
_FOLDER_VARIABLES = ("LD_LIBRARY_PATH", "PROJ_DATA", "PROJ_LIB", "GDAL_DATA")

# These give the system calls below the same numbers; the rest of Linux's machines need not.
_MACHINES = ("x86_64", "aarch64", "riscv64", "ppc64le", "s390x", "loongarch64")
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_CAPABILITY_VERSION_3 = 0x20080522
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1 << 1, 1 << 2


class _Right(enum.IntFlag):
    """What Landlock can forbid of files: LANDLOCK_ACCESS_FS_* of linux/landlock.h."""

    EXECUTE = 1 << 0
    WRITE_FILE = 1 << 1
    READ_FILE = 1 << 2
    READ_DIR = 1 << 3
    REMOVE_DIR = 1 << 4
    REMOVE_FILE = 1 << 5
    MAKE_CHAR = 1 << 6
    MAKE_DIR = 1 << 7
    MAKE_REG = 1 << 8
    MAKE_SOCK = 1 << 9
    MAKE_FIFO = 1 << 10
    MAKE_BLOCK = 1 << 11
    MAKE_SYM = 1 << 12
    REFER = 1 << 13
    TRUNCATE = 1 << 14
    IOCTL_DEV = 1 << 15


_FIRST_RIGHTS = _Right((1 << 13) - 1)
_LATER_RIGHTS = ((2, _Right.REFER), (3, _Right.TRUNCATE), (5, _Right.IOCTL_DEV))
_OF_FILES = _Right.EXECUTE | _Right.WRITE_FILE | _Right.READ_FILE | _Right.TRUNCATE | _Right.IOCTL_DEV
_READ = _Right.READ_FILE | _Right.READ_DIR
# No links and no devices: the server, which is not confined, reads this folder afterwards.
_WRITE = (
    _READ
    | (_Right.WRITE_FILE | _Right.TRUNCATE | _Right.MAKE_REG | _Right.MAKE_DIR)
    | (_Right.REMOVE_FILE | _Right.REMOVE_DIR | _Right.REFER)
)
_TCP_SINCE, _TCP_BIND_AND_CONNECT = 4, 0b11
_SCOPE_SINCE, _ABSTRACT_SOCKETS_AND_SIGNALS = 6, 0b11


@dataclass(frozen=True)
class Protections:
    """What holds for this process from now on."""

    address_space: bool
    """And in it what is written to, which the machine must hold."""
    cpu: bool
    core: bool
    """No core file, which would hold the user's picture, is left after a crash."""
    file_size: bool
    landlock_abi: int
    """The version of Landlock that the kernel speaks; 0 where files are not protected by it."""
    network: tuple[str, ...]
    """Which of LANDLOCK_TCP and NAMESPACE keep the process off the network."""
    privileges_dropped: bool
    missing: tuple[str, ...]
    """A sentence for each protection that is absent or could not be applied, with the reason."""

    def sentence(self) -> str:
        """One line for the log: what protects, then what does not and why."""
        line = f"ingest process: {', '.join(self._active()) or 'not protected by the system'}"
        return ". ".join([line, *(text.rstrip(".") for text in self.missing)]) + ("." if self.missing else "")

    def _active(self) -> Iterator[str]:
        limited = {
            "memory": self.address_space,
            "processor time": self.cpu,
            "core files": self.core,
            "size of files": self.file_size,
        }
        if all(limited.values()):
            yield "resource limits"
        elif any(limited.values()):
            yield f"resource limits ({', '.join(name for name, holds in limited.items() if holds)})"
        if self.landlock_abi:
            subject = "files and TCP" if LANDLOCK_TCP in self.network else "files"
            yield f"Landlock ({subject}, ABI {self.landlock_abi})"
        if NAMESPACE in self.network:
            yield "own network namespace"
        if self.privileges_dropped:
            yield "privileges dropped"


def confine(readable: Sequence[Path], writable: Path, limits: IngestLimits) -> Protections:
    """Give up for good, in this process, everything that reading one raster does not need.

    To be called while the process has one thread and before it opens a stranger's file. What stays allowed: to
    read Python, its libraries and `readable`, to read and write below `writable`, and what is open already. No
    program can be started. Landlock does not hide whether a file exists, its size and its dates.

    Parameters
    ----------
    readable : files, or folders with all that is in them; what does not exist is passed over
    writable : an existing folder, in which files and folders may be made, changed and removed

    Raises nothing for a protection that the system lacks: the returned value says so.
    """
    limited, missing = _limit_resources(limits)
    rules = [(path, _READ) for path in [*_runtime_paths(writable), *readable]]
    rules += [(Path("/dev/null"), _Right.READ_FILE | _Right.WRITE_FILE | _Right.TRUNCATE), (writable, _WRITE)]
    own_network, no_network = _leave_network()
    landlock_abi, no_landlock = _apply_landlock(rules)
    dropped, kept = _drop_privileges()
    network = (
        *((LANDLOCK_TCP,) if landlock_abi >= _TCP_SINCE else ()),
        *((NAMESPACE,) if own_network else ()),
    )
    if not own_network:
        left = "only TCP is closed" if network else "the network is not closed"
        missing.append(f"No own network namespace ({no_network}): {left}.")
    return Protections(
        address_space=limited["RLIMIT_AS"] and limited["RLIMIT_DATA"],
        cpu=limited["RLIMIT_CPU"],
        core=limited["RLIMIT_CORE"],
        file_size=limited["RLIMIT_FSIZE"],
        landlock_abi=landlock_abi,
        network=network,
        privileges_dropped=dropped,
        missing=(*missing, *no_landlock, *kept),
    )


def _limit_resources(limits: IngestLimits) -> tuple[dict[str, bool], list[str]]:
    """Bound what the process may use: which limits hold now, and a sentence for each that does not."""
    wanted = {
        "RLIMIT_AS": limits.address_space_bytes,
        "RLIMIT_DATA": limits.memory_bytes,
        "RLIMIT_CPU": limits.cpu_seconds,
        "RLIMIT_CORE": 0,
        "RLIMIT_FSIZE": limits.most_written_bytes,
    }
    try:
        import resource
    except ImportError:
        return dict.fromkeys(wanted, False), ["Resource limits are not available on this system."]
    missing: dict[str, str] = {}
    for name, most in wanted.items():
        try:
            kind = getattr(resource, name)
            hard = resource.getrlimit(kind)[1]
            bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(kind, (bound, bound))
        except (AttributeError, OSError, ValueError) as error:
            missing[name] = f"{name} could not be set ({error})."
    return {name: name not in missing for name in wanted}, list(missing.values())


def _runtime_paths(writable: Path) -> list[Path]:
    """Where Python and the libraries of the ingest process lie, without what holds more than that."""
    prefixes = {Path(prefix) for prefix in (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix)}
    needed = [
        _PACKAGE,
        Path(os.__file__).parent,
        *_library_homes(),
        *(prefix / name for prefix in prefixes for name in ("lib", "lib64", "share/proj", "share/gdal")),
        *(Path(path) for path in (*_SYSTEM_FOLDERS, *_SYSTEM_STORES, *_SYSTEM_FILES)),
    ]
    named = [*sys.path, *(entry for name in _FOLDER_VARIABLES for entry in os.environ.get(name, "").split(os.pathsep))]
    private = _private_folders(writable)
    offered = [path for path in map(Path, named) if path.is_absolute() and not _exposes(path, private)]
    return list(dict.fromkeys([*needed, *offered]))


def _private_folders(writable: Path) -> list[Path]:
    """Folders that are never opened as a whole only because a variable names them or a folder around them."""
    folders = [writable.resolve(), _PACKAGE.parent.resolve()]
    # A process may lack a home, and its working folder may be gone.
    with contextlib.suppress(OSError):
        folders.append(Path.cwd())
    with contextlib.suppress(RuntimeError):
        folders.append(Path.home().resolve())
    return folders


def _exposes(folder: Path, private: Iterable[Path]) -> bool:
    """Whether the folder is one of those or lies around one; a folder of installed packages may be read anyway."""
    around = folder.resolve()
    return around.name not in _SITE_NAMES and any(path.is_relative_to(around) for path in private)


def _library_homes() -> Iterator[Path]:
    """The folders that the libraries are imported from; behind links, if they are linked file by file."""
    for name in _LIBRARIES:
        found = importlib.util.find_spec(name)
        if found is not None and found.origin is not None:
            yield Path(found.origin).parents[1]
            yield Path(found.origin).resolve().parents[1]


def _leave_network() -> tuple[bool, str]:
    """Move to a network namespace without any interface, so that no internet socket reaches anything; says why not.

    Root keeps to its user namespace: in one of its own it would lose the right to read other people's files, of
    which an operator's scene may be one.
    """
    try:
        _call("unshare", _CLONE_NEWNET)
        return True, ""
    except OSError as error:
        if error.errno != errno.EPERM or os.geteuid() == 0:
            return False, _reason(error)
    try:
        _call("unshare", _CLONE_NEWUSER | _CLONE_NEWNET)
        return True, ""
    except OSError as error:
        return False, _reason(error)


def _apply_landlock(rules: Iterable[tuple[Path, _Right]]) -> tuple[int, list[str]]:
    """Forbid all files but those of `rules`: the ABI that is in force or 0, and what is wrong with it."""
    left = "files are protected by checks only"
    try:
        abi = _syscall(_CREATE_RULESET, None, 0, _CREATE_RULESET_VERSION)
    except OSError as error:
        return 0, [f"Landlock is not available on this system ({_reason(error)}): {left}."]
    try:
        _restrict(abi, rules)
    except OSError as error:
        return 0, [f"Landlock (ABI {abi}) is there but could not be applied ({_reason(error)}): {left}."]
    missing = [] if abi >= _TCP_SINCE else [f"Landlock of this system (ABI {abi}) cannot close TCP."]
    return abi, missing


def _restrict(abi: int, rules: Iterable[tuple[Path, _Right]]) -> None:
    """Build a ruleset of what this ABI knows and submit to it; raises OSError, and then nothing is restricted."""
    if _thread_count() > 1:
        raise OSError(errno.EBUSY, "another thread is running already, which it would not bind")
    handled = _FIRST_RIGHTS
    for since, right in _LATER_RIGHTS:
        handled |= right if abi >= since else _Right(0)
    tcp = _TCP_BIND_AND_CONNECT if abi >= _TCP_SINCE else 0
    scope = _ABSTRACT_SOCKETS_AND_SIGNALS if abi >= _SCOPE_SINCE else 0
    attributes = struct.pack("=QQQ", handled, tcp, scope)
    # A kernel takes a longer structure than it knows as long as the rest is zero.
    ruleset = _syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    try:
        for path, rights in rules:
            _allow(ruleset, path, rights & handled)
        _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        _syscall(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _thread_count() -> int:
    """Threads of this process, those of libraries included; taken for one where the system does not tell."""
    try:
        return len(list(Path("/proc/self/task").iterdir()))
    except OSError:
        return 1


def _allow(ruleset: int, path: Path, rights: _Right) -> None:
    """Add one rule; what is not there, or closed to this user anyway, needs none."""
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(opened).st_mode):
            rights &= _OF_FILES
        _syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, struct.pack("=Qi", rights, opened), 0)
    finally:
        os.close(opened)


def _drop_privileges() -> tuple[bool, list[str]]:
    """Give up root's powers but that to read and write files, which Landlock bounds; says why not.

    With the others root could go back to the namespace it left, or load a kernel module.
    """
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    held = ctypes.create_string_buffer(24)
    try:
        _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        _call("capget", header, held)
        permitted = struct.unpack("=6I", held.raw)[1] & (_CAP_DAC_OVERRIDE | _CAP_DAC_READ_SEARCH)
        _call("capset", header, struct.pack("=6I", permitted, permitted, 0, 0, 0, 0))
    except OSError as error:
        return False, [f"Privileges could not be dropped ({_reason(error)})."]
    return True, []


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _syscall(number: int, *arguments: int | bytes | None) -> int:
    """A system call by its number; raises OSError, ENOSYS where these numbers mean nothing."""
    if sys.platform != "linux" or os.uname().machine not in _MACHINES:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    return _call("syscall", number, *arguments)


def _call(name: str, *arguments: int | bytes | ctypes.Array[ctypes.c_char] | None) -> int:
    """A function of the C library that answers -1 for failure; raises OSError, ENOSYS where there is none."""
    if sys.platform != "linux" or not hasattr(_libc(), name):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    function = getattr(_libc(), name)
    function.restype = ctypes.c_long if name == "syscall" else ctypes.c_int
    answer = int(function(*(ctypes.c_long(value) if isinstance(value, int) else value for value in arguments)))
    if answer == -1:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return answer
