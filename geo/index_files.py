"""Arrays in one file, mapped into memory by every process that needs them.

The file begins with a header that says where each array is. It is written under another name and
renamed when it is complete, so a reader sees all of it or nothing; it is never changed, so those
who have it open keep what they have when another takes its place or it is removed.
"""

import ctypes
import errno
import fcntl
import json
import mmap
import os
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import structlog
from numpy.typing import NDArray

from geo.borders import Arrays

FORMAT = 1
"""Raised when the arrays change their meaning."""

MAGIC = b"TinBao wards\n\0\0\0"
PREAMBLE = struct.Struct("<16sIII")
"""Magic, format, length and CRC-32 of the header that follows."""

ALIGNMENT = 4096
"""Arrays begin on pages of their own."""

KEPT = 3
"""How many files stay in a folder: what holds, what held, what will."""

SUFFIX, UNFINISHED = ".index", ".part"

log = structlog.get_logger()


class DamagedError(ValueError):
    """The file is not whole, or not of this format."""


def provide(folder: Path, name: str, make: Callable[[], Arrays]) -> Arrays:
    """The arrays of that name; made and kept in `folder` if they are not there yet.

    Of several processes that want them one makes them and the others wait. Where nothing can be
    written there, this process makes them for itself, in a temporary file.
    """
    path = folder / (name + SUFFIX)
    found: Arrays | None
    if (found := _found(path)) is not None:
        return found
    made: list[Arrays] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            if (found := _found(path)) is not None:
                return found
            made.append(make())
            _keep(path, made[0])
            _remove_old(folder)
            found = opened(path)
    except OSError as error:
        log.warning("index.not_kept", reason=errno.errorcode.get(error.errno or 0))
        found = _unnamed(made[0] if made else make())
    made.clear()
    _give_back_memory()
    return found


def write(file: BinaryIO, arrays: Arrays) -> None:
    """Write the header and the arrays."""
    listed: dict[str, tuple[str, tuple[int, ...], int]] = {}
    end = 0
    for name, array in arrays.items():
        listed[name] = (array.dtype.str, array.shape, end)
        end += -(-array.nbytes // ALIGNMENT) * ALIGNMENT
    header = json.dumps({"arrays": listed, "length": end}).encode()
    file.write(PREAMBLE.pack(MAGIC, FORMAT, len(header), zlib.crc32(header)) + header)
    for array in arrays.values():
        file.write(b"\0" * (-file.tell() % ALIGNMENT))
        file.write(np.ascontiguousarray(array).data)
    file.write(b"\0" * (-file.tell() % ALIGNMENT))
    file.flush()


def read(file: BinaryIO) -> dict[str, NDArray[Any]]:
    """The arrays of a file, mapped and read-only. Raises `DamagedError`."""
    length = os.fstat(file.fileno()).st_size
    if length < PREAMBLE.size:
        raise DamagedError("The file is too short.")
    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    magic, version, header_length, crc = PREAMBLE.unpack_from(mapped)
    header = mapped[PREAMBLE.size : PREAMBLE.size + header_length]
    if (magic, version) != (MAGIC, FORMAT) or zlib.crc32(header) != crc:
        raise DamagedError("The header is not of this format.")
    described = json.loads(header)
    begin = -(-(PREAMBLE.size + header_length) // ALIGNMENT) * ALIGNMENT
    if length != begin + described["length"]:
        raise DamagedError("The file is cut short.")
    return {
        name: np.ndarray(shape, dtype, mapped, begin + offset)
        for name, (dtype, shape, offset) in described["arrays"].items()
    }


def opened(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a file; notes that it is in use."""
    with path.open("rb") as file:
        arrays = read(file)
    with suppress(OSError):
        os.utime(path)
    return arrays


def _found(path: Path) -> dict[str, NDArray[Any]] | None:
    try:
        return opened(path)
    except FileNotFoundError:
        return None
    except (DamagedError, OSError) as error:
        log.warning("index.unreadable", error=type(error).__name__)
        return None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until no other process makes a file in this folder. A process that dies lets go."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _keep(path: Path, arrays: Arrays) -> None:
    unfinished = path.with_suffix(UNFINISHED)
    with unfinished.open("wb") as file:
        write(file, arrays)
        os.fsync(file.fileno())
    unfinished.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _remove_old(folder: Path) -> None:
    """Keep the files used last; remove the others, and what processes that died have left."""
    by_use = sorted(folder.glob("*" + SUFFIX), key=lambda path: path.stat().st_mtime_ns)
    for path in [*by_use[:-KEPT], *folder.glob("*" + UNFINISHED)]:
        path.unlink(missing_ok=True)


def _give_back_memory() -> None:
    """Give what making needed back to the system: glibc would keep half a gigabyte for later."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def _unnamed(arrays: Arrays) -> Arrays:
    """The arrays in a file without a name, which is gone when the process is; else as they are."""
    try:
        with tempfile.TemporaryFile() as file:
            write(file, arrays)
            return read(file)
    except OSError:
        return arrays
