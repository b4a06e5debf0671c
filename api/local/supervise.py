"""What `./run` becomes: database, API and worker kept alive together, and stopped in order.

The API and the worker write to files in `HOME/log`; the terminal shows what a newcomer needs. When
the supervisor is killed, its children go too; the private database may stay and is taken over by
the next start.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from api.local import story
from api.local.machine import DatabaseError, free_port, is_free, say
from api.local.postgis import Cluster
from api.settings import Settings, load_settings

TINBAO = Path(sys.executable).with_name("tinbao")
READY_WITHIN = 120.0
STOP_WITHIN = 25.0
LONGEST_PAUSE = 10.0
"""Seconds: until everything answers, until a child must have ended, between restarts."""
STEADY_AFTER = 30.0
"""A child that lived this many seconds is started again without delay."""
LOG_BYTES = 20 * 2**20

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_libc = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


class StartError(Exception):
    """The service cannot start; the message says what to do."""


def _die_with_the_supervisor() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Child:
    """A command of ours that runs as long as the supervisor does."""

    def __init__(self, name: str, environment: dict[str, str], log: Path | None = None) -> None:
        self.name = name
        self._environment = environment
        self._log = log
        self._pause = 0.0
        self._due = 0.0
        self.start()

    def start(self) -> None:
        """Start it in a session of its own: Ctrl-C reaches only the supervisor."""
        with contextlib.ExitStack() as files:
            output = files.enter_context(self._log.open("ab")) if self._log else None
            self.process = subprocess.Popen(
                [TINBAO, *self.name.split()],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=_die_with_the_supervisor,  # noqa: PLW1509 (there are no other threads)
            )
        self._began = time.monotonic()
        self._due = 0.0
        self._swept = False

    def keep_alive(self) -> None:
        """Start it again when it has ended, ever slower as long as it keeps ending soon."""
        now = time.monotonic()
        if self._due:
            if now >= self._due:
                self.start()
        elif self.process.poll() is not None:
            self._kill_rest()
            steady = now - self._began > STEADY_AFTER
            self._pause = 0.2 if steady else min(LONGEST_PAUSE, max(0.2, self._pause * 2))
            self._due = now + self._pause
            say(f"{self.name} ended ({self.ending}); starting it again in {self._pause:.1f} s")

    def ask_to_stop(self) -> None:
        """Let it finish what it is doing."""
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()

    def wait_for_end(self) -> None:
        """Wait until it has ended, by force when it takes too long."""
        try:
            self.process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            say(f"{self.name} does not stop; ending it by force")
            self.process.kill()
            self.process.wait()
        self._kill_rest()

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        status = self.process.returncode
        return signal.Signals(-status).name if status < 0 else f"exit status {status}"

    def last_words(self) -> str:
        """The end of its log."""
        lines = self._log.read_text(errors="replace").splitlines() if self._log else []
        return "\n".join(lines[-20:])

    def _kill_rest(self) -> None:
        """End the processes it left behind; once, since its number may then be another's."""
        if not self._swept:
            self._swept = True
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)


class Supervisor:
    """Starts the parts in order, watches them, and stops them in the opposite order."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stopping = threading.Event()
        self.children: list[Child] = []
        self.cluster = None if settings.database_url else Cluster(settings.home)
        port = settings.port or free_port()
        host = "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host  # noqa: S104
        self.base_url = f"http://{host}:{port}"
        self.environment = {
            **os.environ,
            "TINBAO_HOME": str(settings.home.resolve()),
            "TINBAO_PORT": str(port),
            "TINBAO_METRICS_PORT": str(_port_or_another(settings.metrics_port)),
            "TINBAO_WORKER_METRICS_PORT": str(_port_or_another(settings.worker_metrics_port)),
        }

    def run(self) -> None:
        """Serve until a signal asks to stop."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: self.stopping.set())
        self._wait_for_port()
        try:
            self._prepare_database()
            self._start_children()
            self._wait_until_ready()
            if not self.stopping.is_set():
                self._show()
            self._watch()
        finally:
            self._stop()

    def _wait_for_port(self) -> None:
        """The port may still be held for a moment by children of a supervisor just killed."""
        port = int(self.environment["TINBAO_PORT"])
        until = time.monotonic() + 5
        while not is_free(port):
            if time.monotonic() > until or self.stopping.wait(0.2):
                raise StartError(
                    f"Port {port} is in use by another program. Stop that one, or choose another"
                    " port: TINBAO_PORT=8080 ./run"
                )

    def _prepare_database(self) -> None:
        if self.cluster:
            self.cluster.up()
        # `demo load` migrates too: starting Python twice would cost a second start its seconds.
        self._finish("demo load" if self.settings.mode == "demo" else "db upgrade")
        if self.cluster:
            self.cluster.grant_service()

    def _finish(self, command: str) -> None:
        """Run one command to its end; its words go to the terminal."""
        if self.stopping.is_set():
            return
        child = Child(command, self.environment)
        while child.process.poll() is None:
            if self.stopping.wait(0.05):
                child.ask_to_stop()
                child.wait_for_end()
        if child.process.returncode and not self.stopping.is_set():
            raise StartError(f"`tinbao {command}` failed ({child.ending}); its words are above.")

    def _start_children(self) -> None:
        if self.stopping.is_set():
            return
        folder = self.settings.home / "log"
        folder.mkdir(mode=0o700, exist_ok=True)
        for name in ("worker", "serve"):
            log = folder / f"{name}.log"
            if log.exists() and log.stat().st_size > LOG_BYTES:
                log.replace(log.with_suffix(".log.old"))
            self.children.append(Child(name, self.environment, log))

    def _wait_until_ready(self) -> None:
        until, told = time.monotonic() + READY_WITHIN, time.monotonic() + 5
        while not self.stopping.wait(0.1):
            reason = _why_not_ready(self.base_url)
            if reason is None:
                return
            for child in self.children:
                if child.process.poll() is not None:
                    raise StartError(
                        f"{child.last_words()}\n`tinbao {child.name}` ended ({child.ending});"
                        " the end of its log is above."
                    )
            if time.monotonic() > until:
                raise StartError(f"{self.base_url}/readyz stays red: {reason}")
            if time.monotonic() > told:
                say(f"waiting until everything is ready ({reason})")
                told += 5

    def _show(self) -> None:
        try:
            story.first_report(self.base_url, self.settings.home)
        except Exception as problem:
            say(f"the sample report did not go through: {problem}")
        say(f"serving on {self.base_url}; logs are in {self.settings.home}/log; Ctrl-C stops all")

    def _watch(self) -> None:
        while not self.stopping.wait(0.5):
            for child in self.children:
                child.keep_alive()
            if self.cluster and not self.cluster.running():
                say("the database has ended; starting it again")
                before = self.cluster.url()
                if self.cluster.up() != before:
                    for child in self.children:
                        child.ask_to_stop()

    def _stop(self) -> None:
        if self.children:
            say("stopping")
        for child in reversed(self.children):
            child.ask_to_stop()
        for child in reversed(self.children):
            child.wait_for_end()
        if self.cluster:
            self.cluster.stop()


def _port_or_another(port: int) -> int:
    """`port`, or a free one when something else has it: metrics must not stop a second service."""
    return port if port == 0 or is_free(port) else free_port()


def _why_not_ready(base_url: str) -> str | None:
    """None when /readyz is green, else its reason."""
    try:
        with _direct.open(f"{base_url}/readyz", timeout=5):
            return None
    except urllib.error.HTTPError as answer:
        with answer:
            return _reasons(answer.read())
    except OSError as problem:
        return str(problem)


def _reasons(body: bytes) -> str:
    """What a problem document of /readyz says; the body itself when it is something else."""
    try:
        return "; ".join(json.loads(body)["reasons"])
    except (ValueError, KeyError, TypeError):
        return body[:200].decode(errors="replace")


@contextlib.contextmanager
def _alone_in(home: Path, base_url: str) -> Iterator[None]:
    """Hold the home folder for one supervisor; ends with the process, whatever ends it."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "run.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise StartError(
                f"It runs already: {file.read().strip() or home}. Stop that one first, or give this"
                " one a home and a port: TINBAO_HOME=.local/second TINBAO_PORT=8001 ./run"
            ) from None
        file.truncate(0)
        file.write(f"{base_url}, process {os.getpid()}, home {home}\n")
        file.flush()
        yield


def main() -> int:
    """Serve; 0 after an orderly stop, 1 when it could not start."""
    try:
        supervisor = Supervisor(load_settings())
        with _alone_in(supervisor.settings.home, supervisor.base_url):
            supervisor.run()
    except (StartError, DatabaseError) as problem:
        say(str(problem))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
