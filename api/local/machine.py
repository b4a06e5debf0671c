"""What a machine offers the private database: users, folders, locks, ports, processes.

Standard library only.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

MACHINE = Path("/var/lib/tinbao")
"""Where root keeps what the server's user must reach when the checkout is closed to that user."""

IS_ROOT = os.geteuid() == 0


class DatabaseError(RuntimeError):
    """The private database cannot be had; the message says what to do."""


def say(message: str) -> None:
    """A progress line, on stderr: stdout is for answers."""
    print(f"tinbao: {message}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock that ends with the process, whatever ends it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another process that is preparing {path.parent}")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_secret(path: Path, content: Mapping[str, object]) -> None:
    """Replace a JSON file in one step, readable by its owner only."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.touch(0o600)
    with part.open("w") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def enterable(folder: Path) -> bool:
    """Whether any user may pass through `folder` and all folders above it."""
    return all(each.stat().st_mode & 0o001 for each in (folder, *folder.parents) if each.exists())


def server_user() -> pwd.struct_passwd:
    """The unprivileged user the server runs as under root: PostgreSQL refuses to be root."""
    for name in ("postgres", "tinbao"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    useradd = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/"]
    useradd += ["--shell", "/usr/sbin/nologin", "tinbao"]
    made = (
        shutil.which("useradd")
        and subprocess.run(useradd, check=False, capture_output=True).returncode == 0
    )
    return pwd.getpwnam("tinbao" if made else "nobody")


def is_free(port: int) -> bool:
    if port == 0:
        return False
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


def clear_remains(data: Path) -> None:
    """End what outlived a killed main process, then drop a process file that names a stranger.

    Two servers over one data folder would destroy it, so PostgreSQL refuses to start while the
    process in `postmaster.pid` lives; after a restart of the machine that may be any process.
    """
    for patience, ending in ((50, signal.SIGQUIT), (50, signal.SIGKILL), (50, None)):
        for _ in range(patience):
            remains = working_in(data)
            if not remains:
                (data / "postmaster.pid").unlink(missing_ok=True)
                return
            time.sleep(0.1)
        for pid in remains:
            if ending is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, ending)
    raise DatabaseError(f"Processes {remains} still use {data} and cannot be ended.")


def working_in(folder: Path) -> list[int]:
    """The processes whose working folder is `folder`: a server and all its children."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if (entry / "cwd").readlink() == folder:
                    found.append(int(entry.name))
    return found
