"""A private PostGIS cluster for one home folder: standard library only, so it runs before any venv.

    python3 api/local/postgis.py up | stop | status | fetch | remove --home DIR

The server listens on loopback only, on a port of its own, by password, and has no socket file. It
survives the supervisor; whatever was killed, the next `up` starts it again with its data.
`HOME/database.json` tells the commands where it is.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TypedDict

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from api.local.binaries import fetch
from api.local.machine import (
    IS_ROOT,
    MACHINE,
    DatabaseError,
    clear_remains,
    enterable,
    free_port,
    is_free,
    locked,
    say,
    server_user,
    write_secret,
)

OWNER, SERVICE, DATABASE = "tinbao", "tinbao_service", "tinbao"
SERVICE_ROLES = ("tinbao_api", "tinbao_officer", "tinbao_worker")

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "jit": "off",
    "timezone": "UTC",
    # The words of a report must never reach this server's log. An error repeats the value it is
    # about, so errors stay out of the log altogether: the client has them.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_checkpoints": "off",
}
FAST_AND_FORGETFUL = {"fsync": "off", "full_page_writes": "off"}
"""For test data: safe when processes are killed, not when the machine loses power."""

LOG_BYTES = 2**20
"""The server's log begins anew when it is larger than this at a start."""


class State(TypedDict):
    """What a cluster must remember between starts."""

    home: str
    folder: str | None
    """Where the data are, when the server's user cannot enter the home folder."""
    port: int
    owner_password: str
    service_password: str


class Cluster:
    """One PostgreSQL server with PostGIS; its data, port and passwords belong to `home`."""

    def __init__(self, home: Path, *, durable: bool = True) -> None:
        self.home = home.resolve()
        self._durable = durable
        self._own = self.home / "postgres"

    def up(self) -> str:
        """Make the server if there is none, start it if it does not run; the owner's URL."""
        with locked(self._own / "lock"):
            self._binaries = fetch()
            state = self._remembered() or self._begin()
            if not (self._data(state) / "PG_VERSION").exists():
                self._initialise(state)
            # One that was just killed may still look alive, and is found dead while waiting for it.
            while self._postmaster(state) is None or not self._comes_to_answer(state):
                self._start(state)
            self._prepare(state)
            urls = {"owner_url": self._url(state), "service_url": self._service_url(state)}
            write_secret(self.home / "database.json", urls)
        return urls["owner_url"]

    def stop(self) -> None:
        """Stop the server in order; nothing happens when it does not run."""
        with locked(self._own / "lock"):
            state = self._remembered()
            if state is None or self._postmaster(state) is None:
                return
            self._binaries = fetch()
            for mode in ("fast", "immediate"):
                words = ("-D", self._data(state), "-m", mode, "-w", "-t", "60", "stop")
                if self._run("pg_ctl", *words).returncode == 0:
                    return
            raise DatabaseError(f"The database in {self._own} does not stop.")

    def process(self) -> int | None:
        """The server's main process, when it runs."""
        state = self._remembered()
        return self._postmaster(state) if state else None

    def running(self) -> bool:
        """Whether the server's main process is there."""
        return self.process() is not None

    def remove(self) -> None:
        """Stop the server and delete all its data."""
        self.stop()
        if state := self._remembered():
            shutil.rmtree(self._folder(state), ignore_errors=True)
        shutil.rmtree(self._own, ignore_errors=True)
        (self.home / "database.json").unlink(missing_ok=True)

    def url(self, database: str = DATABASE) -> str:
        """The owner's URL, for migrations and commands."""
        return self._url(self._known(), database)

    def service_url(self, database: str = DATABASE) -> str:
        """The URL for services: a login that owns nothing and must take a service role."""
        return self._service_url(self._known(), database)

    def grant_service(self) -> None:
        """Let the services' login take the roles that the migration made; may be repeated."""
        self._binaries = fetch()
        self._sql(
            self._known(),
            "SELECT format('GRANT %I TO %I', rolname, :'service') FROM pg_roles"
            " WHERE rolname = ANY (string_to_array(:'roles', ',')) \\gexec",
            service=SERVICE,
            roles=",".join(SERVICE_ROLES),
        )

    def _url(self, state: State, database: str = DATABASE) -> str:
        return (
            f"postgresql+psycopg://{OWNER}:{state['owner_password']}"
            f"@127.0.0.1:{state['port']}/{database}"
        )

    def _service_url(self, state: State, database: str = DATABASE) -> str:
        return (
            f"postgresql+psycopg://{SERVICE}:{state['service_password']}"
            f"@127.0.0.1:{state['port']}/{database}"
        )

    def _remembered(self) -> State | None:
        try:
            state: State = json.loads((self._own / "state.json").read_text())
        except FileNotFoundError:
            return None
        except PermissionError:
            raise DatabaseError(
                f"{self._own} belongs to another user: run as that user, or set TINBAO_HOME."
            ) from None
        copied = state["folder"] and state["home"] != str(self.home)
        if copied and Path(state["home"], "postgres", "state.json").exists():
            return None  # The folder belongs to the home this one was copied from.
        return state

    def _known(self) -> State:
        if state := self._remembered():
            return state
        raise DatabaseError(f"There is no database in {self.home} yet.")

    def _begin(self) -> State:
        """Decide where the data go, and remember it before anything is made."""
        if (self._own / "cluster").exists():
            raise DatabaseError(
                f"{self._own} holds data but its state.json is missing. Put the file back, or"
                " remove the folder to begin anew without the data."
            )
        own_folder = not IS_ROOT or enterable(self.home)
        state = State(
            home=str(self.home),
            folder=None if own_folder else str(MACHINE / f"cluster-{secrets.token_hex(8)}"),
            port=0,
            owner_password=secrets.token_urlsafe(24),
            service_password=secrets.token_urlsafe(24),
        )
        write_secret(self._own / "state.json", state)
        return state

    def _folder(self, state: State) -> Path:
        return Path(state["folder"]) if state["folder"] else self._own / "cluster"

    def _data(self, state: State) -> Path:
        return self._folder(state) / "data"

    def _run(self, program: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's programs; as root, under the server's own user."""
        user = server_user() if IS_ROOT else None
        return subprocess.run(
            [self._binaries.folder / program, *words],
            env=self._environment(),
            cwd="/",
            user=user.pw_uid if user else None,
            group=user.pw_gid if user else None,
            extra_groups=[] if user else None,
            capture_output=True,
            check=False,
            text=True,
        )

    def _environment(self) -> dict[str, str]:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
        return {**inherited, **self._binaries.environment, "LC_ALL": "C.UTF-8"}

    def _sql(self, state: State, script: str, database: str = "postgres", **variables: str) -> None:
        """Run a psql script as the owner; secrets never go by its arguments."""
        settings = "".join(f"\\set {name} '{value}'\n" for name, value in variables.items())
        result = subprocess.run(
            [self._binaries.folder / "psql", "-XqAt", "-v", "ON_ERROR_STOP=1"],
            env={
                **self._environment(),
                "PGHOST": "127.0.0.1",
                "PGPORT": str(state["port"]),
                "PGUSER": OWNER,
                "PGPASSWORD": state["owner_password"],
                "PGDATABASE": database,
                "PGCONNECT_TIMEOUT": "5",
                "PGOPTIONS": "-c client_min_messages=warning",
            },
            input=settings + script,
            capture_output=True,
            check=False,
            text=True,
        )
        if result.returncode:
            raise DatabaseError(result.stderr.strip())

    def _initialise(self, state: State) -> None:
        """Make the data folder under another name first: what carries its name is complete."""
        began = time.monotonic()
        folder = self._folder(state)
        part, password = folder / "data.part", folder / "password"
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        shutil.rmtree(part, ignore_errors=True)
        password.touch(0o600)
        password.write_text(state["owner_password"])
        if IS_ROOT:
            folder.parent.chmod(folder.parent.stat().st_mode | 0o111)
            for path in (folder, password):
                os.chown(path, server_user().pw_uid, server_user().pw_gid)
        words: list[str | Path] = [
            "-U",
            OWNER,
            "-A",
            "scram-sha-256",
            "--pwfile",
            password,
            "-E",
            "UTF8",
        ]
        words += ["--locale=C.UTF-8", "--data-checksums"] + ([] if self._durable else ["--no-sync"])
        made = self._run("initdb", "-D", part, *words)
        if made.returncode:
            raise DatabaseError(f"initdb failed: {made.stderr.strip()}")
        with (part / "postgresql.conf").open("a") as file:
            file.write("include = 'tinbao.conf'\n")
        password.unlink()
        part.rename(self._data(state))
        say(f"made a database in {folder} ({time.monotonic() - began:.1f} s)")

    def _start(self, state: State) -> None:
        """Start the server, on another port when its own was taken, over whatever a kill left."""
        folder, data = self._folder(state), self._data(state)
        clear_remains(data)
        log = folder / "log"
        if log.exists() and log.stat().st_size > LOG_BYTES:
            log.unlink()
        for _ in range(5):
            if not is_free(state["port"]):
                state["port"] = free_port()
                write_secret(self._own / "state.json", state)
            self._configure(state)
            started = self._run("pg_ctl", "-D", data, "-l", log, "-w", "-t", "120", "start")
            if started.returncode == 0:
                return
            time.sleep(1)
        tail = "\n".join(log.read_text().splitlines()[-15:]) if log.exists() else started.stderr
        raise DatabaseError(f"The database in {folder} does not start:\n{tail}")

    def _configure(self, state: State) -> None:
        settings = SETTINGS | ({} if self._durable else FAST_AND_FORGETFUL)
        lines = [f"{name} = '{value}'\n" for name, value in settings.items()]
        file = self._data(state) / "tinbao.conf"
        file.write_text(f"port = {state['port']}\n" + "".join(lines))
        if IS_ROOT:
            os.chown(file, server_user().pw_uid, server_user().pw_gid)

    def _postmaster(self, state: State) -> int | None:
        """The server's main process, if it is alive and really this server."""
        data = self._data(state)
        try:
            pid = int((data / "postmaster.pid").read_text().split()[0])
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError, IndexError, ValueError):
            return None
        return pid if os.fsencode(data) in command else None

    def _comes_to_answer(self, state: State) -> bool:
        """Wait for a server that runs; False when it ended meanwhile.

        After a crash it first replays its log, which may take a while.
        """
        for attempt in range(240):
            try:
                self._sql(state, "SELECT 1")
            except DatabaseError as problem:
                last = problem
            else:
                return True
            if self._postmaster(state) is None:
                return False
            if attempt % 10 == 9:
                say("waiting for the database to answer")
            time.sleep(0.5)
        raise last

    def _prepare(self, state: State) -> None:
        """The database, PostGIS and the login for services; each only when it is not there."""
        self._sql(
            state,
            "SELECT format('CREATE DATABASE %I', :'name') WHERE NOT EXISTS"
            " (SELECT FROM pg_database WHERE datname = :'name') \\gexec\n"
            "SELECT format('CREATE ROLE %I', :'service') WHERE NOT EXISTS"
            " (SELECT FROM pg_roles WHERE rolname = :'service') \\gexec\n"
            "ALTER ROLE :\"service\" LOGIN NOINHERIT PASSWORD :'password';\n"
            '\\connect :"name"\n'
            "CREATE EXTENSION IF NOT EXISTS postgis;\n",
            name=DATABASE,
            service=SERVICE,
            password=state["service_password"],
        )


def main() -> int:
    """The command line; `up` prints the owner's URL, `status` ends with 3 when nothing runs."""
    parser = argparse.ArgumentParser(description="A private PostGIS for one home folder.")
    parser.add_argument("command", choices=["up", "stop", "status", "fetch", "remove"])
    parser.add_argument("--home", type=Path, default=os.environ.get("TINBAO_HOME", ".local"))
    arguments = parser.parse_args()
    cluster = Cluster(Path(arguments.home))
    try:
        if arguments.command == "up":
            print(cluster.up())
        elif arguments.command == "stop":
            cluster.stop()
        elif arguments.command == "fetch":
            print(fetch().folder)
        elif arguments.command == "remove":
            cluster.remove()
        else:
            running = cluster.running()
            print("running" if running else "stopped")
            return 0 if running else 3
    except DatabaseError as problem:
        say(str(problem))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
