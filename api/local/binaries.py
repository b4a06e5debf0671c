"""Where the PostgreSQL and PostGIS programs come from: standard library only.

`TINBAO_PG_BINDIR` or an installed PostGIS; else the Debian packages unpacked without root; else apt
with root or sudo.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from api.local.machine import IS_ROOT, MACHINE, DatabaseError, enterable, locked, say

CHECKOUT = Path(__file__).resolve().parents[2]
APT_OPTIONS = ("-y", "-qq", "--no-install-recommends", "-o", "Dpkg::Use-Pty=0")
PACKAGE = "postgresql-postgis"
"""Debian's name for the PostGIS of the release's own PostgreSQL."""

DPKG_STATUS = Path("/var/lib/dpkg/status")

NOT_NEEDED = (
    *("debconf", "fonts-", "libc-l10n", "libjson-perl", "libllvm", "libperl", "libz3", "locales"),
    *("perl", "postgresql-client-common", "postgresql-common", "ssl-cert", "systemd", "ucf"),
)
"""Packages the server runs without (jit is off; the cluster wrappers of Debian are not used)."""


@dataclass(frozen=True)
class Binaries:
    """A folder of PostgreSQL programs and the environment they need."""

    folder: Path
    environment: Mapping[str, str]


def _with_postgis(prefix: Path) -> Path | None:
    """The newest PostgreSQL under `prefix` that has PostGIS beside it."""
    found = []
    for folder in prefix.glob("usr/lib/postgresql/*/bin"):
        version = folder.parent.name
        control = prefix / f"usr/share/postgresql/{version}/extension/postgis.control"
        if version.isdigit() and (folder / "initdb").exists() and control.exists():
            found.append((int(version), folder))
    return max(found)[1] if found else None


def _unpacked_folder() -> Path:
    private = CHECKOUT / ".local"
    return (MACHINE if IS_ROOT and not enterable(private) else private) / "postgis"


def find_binaries() -> Binaries | None:
    """PostGIS by `TINBAO_PG_BINDIR`, of the system, or unpacked earlier; else None."""
    if given := os.environ.get("TINBAO_PG_BINDIR"):
        if not Path(given, "initdb").exists():
            raise DatabaseError(f"TINBAO_PG_BINDIR={given} holds no initdb.")
        return Binaries(Path(given), {})
    if found := _with_postgis(Path("/")):
        return Binaries(found, {})
    unpacked = _unpacked_folder()
    if found := _with_postgis(unpacked):
        libraries = {str(file.parent) for file in unpacked.glob("usr/lib/*-linux-*/**/*.so*")}
        return Binaries(
            found,
            {
                "LD_LIBRARY_PATH": ":".join(sorted(libraries)),
                "PROJ_DATA": f"{unpacked}/usr/share/proj",
                "PROJ_LIB": f"{unpacked}/usr/share/proj",
                "GDAL_DATA": f"{unpacked}/usr/share/gdal",
            },
        )
    return None


def fetch() -> Binaries:
    """PostGIS programs, fetched when the machine has none. May be called by several at once."""
    if found := find_binaries():
        return found
    (CHECKOUT / ".local").mkdir(exist_ok=True)
    target = _unpacked_folder()
    with locked(target.with_name("postgis.lock")):
        if found := find_binaries():
            return found
        try:
            _unpack_packages(target)
        except (OSError, subprocess.CalledProcessError, DatabaseError) as problem:
            say(f"could not unpack Debian's packages without root ({_reason(problem)}); trying apt")
            _install_with_apt()
    if found := find_binaries():
        return found
    raise DatabaseError(
        "PostGIS could not be fetched. Install it (Debian: apt-get install postgresql-postgis) or "
        "give TINBAO_DATABASE_URL=postgresql+psycopg://user:password@host/database."
    )


def _reason(problem: Exception) -> str:
    if isinstance(problem, subprocess.CalledProcessError):
        lines = (problem.stderr or "").strip().splitlines()
        return lines[-1] if lines else f"{problem.cmd[0]} ended with {problem.returncode}"
    return str(problem)


def _unpack_packages(target: Path) -> None:
    """Fetch Debian's packages as an ordinary user and unpack them into `target`."""
    began = time.monotonic()
    say("fetching PostGIS packages from Debian, about 70 MB (no root needed)")
    apt, part = target.with_name("postgis.apt"), target.with_name("postgis.part")
    shutil.rmtree(part, ignore_errors=True)
    for folder in ("state/lists/partial", "cache/archives/partial", "log"):
        (apt / folder).mkdir(parents=True, exist_ok=True)
    status = apt / "state/status"
    status.write_text(without_postgresql(DPKG_STATUS.read_text(encoding="utf-8")))
    settings = {
        "Dir::State": f"{apt}/state",
        "Dir::State::status": str(status),
        "Dir::Cache": f"{apt}/cache",
        "Dir::Log": f"{apt}/log",
        "Debug::NoLocking": "true",
        "APT::Sandbox::User": "",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
    }
    options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
    archives = apt / "cache/archives"

    def apt_get(*words: str) -> str:
        command = ["apt-get", *options, *words]
        return subprocess.run(
            command, cwd=archives, check=True, capture_output=True, text=True
        ).stdout

    apt_get("update", "-qq")
    plan = apt_get("install", "--print-uris", *APT_OPTIONS, PACKAGE).splitlines()
    files = [line.split()[1] for line in plan if line.startswith("'")]
    wanted = [file.split("_")[0] for file in files if not file.startswith(NOT_NEEDED)]
    with _counting(lambda: f"{len(list(archives.glob('*.deb')))} of {len(wanted)} packages"):
        apt_get("download", "-qq", *wanted)

    packages = sorted(archives.glob("*.deb"))
    say(f"unpacking {len(packages)} packages")
    part.mkdir(parents=True)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        list(pool.map(lambda package: _unpack(package, part), packages))
    # Debian makes this link by its alternatives when it installs a package.
    for control in part.glob("usr/share/postgresql/*/extension/postgis*-3.control"):
        link = control.with_name(control.name.replace("-3.control", ".control"))
        if not link.exists():
            link.symlink_to(control.name)
    if not _with_postgis(part):
        raise DatabaseError("the packages hold no initdb or no PostGIS")
    part.chmod(0o755)
    shutil.rmtree(target, ignore_errors=True)
    part.replace(target)
    shutil.rmtree(apt, ignore_errors=True)
    say(f"PostGIS is unpacked ({time.monotonic() - began:.0f} s)")


def without_postgresql(status: str) -> str:
    """dpkg's list of what is installed, less PostgreSQL's own packages.

    A server that is installed without PostGIS would be left out of the packages to fetch, and what
    was unpacked would have no server.
    """
    packages = status.split("\n\n")
    return "\n\n".join(one for one in packages if not one.startswith("Package: postgresql"))


def _unpack(package: Path, target: Path) -> None:
    command = ["dpkg-deb", "-x", str(package), str(target)]
    subprocess.run(command, check=True, capture_output=True, text=True, umask=0o022)


@contextlib.contextmanager
def _counting(progress: Callable[[], str]) -> Iterator[None]:
    """Say how far a long step is, every five seconds, until the block ends."""
    ended = threading.Event()

    def report() -> None:
        while not ended.wait(5):
            say(f"  {progress()}")

    reporter = threading.Thread(target=report, daemon=True)
    reporter.start()
    try:
        yield
    finally:
        ended.set()
        reporter.join()


def _install_with_apt() -> None:
    """Install the packages for the whole machine, as root or with a sudo that asks nothing."""
    sudo = [] if IS_ROOT else ["sudo", "-n"]
    if sudo and not (shutil.which("sudo") and _succeeds([*sudo, "true"])):
        return
    say("installing PostGIS with apt; this takes about a minute")
    # Without this file the package would make and start a cluster of its own on port 5432.
    configuration = Path("/etc/postgresql-common/createcluster.conf")
    if not configuration.exists():
        subprocess.run([*sudo, "mkdir", "-p", configuration.parent], check=True)
        subprocess.run(
            [*sudo, "tee", configuration],
            input=b"create_main_cluster = false\n",
            stdout=subprocess.DEVNULL,
            check=True,
        )
    apt_get = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]
    wait = ("-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Options::=--force-confold")
    _succeeds([*apt_get, "update", "-qq"])
    _succeeds([*apt_get, "install", *APT_OPTIONS, *wait, PACKAGE])


def _succeeds(command: list[str]) -> bool:
    return subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode == 0
