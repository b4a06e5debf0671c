"""The supervisor with a stand-in for the `tinbao` command, as real processes with real signals."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from api.local.machine import free_port
from api.local.postgis import Cluster

ROOT = Path(__file__).resolve().parents[2]

STAND_IN = f"""#!{sys.executable}
import http.server, os, pathlib, sys, time
home = pathlib.Path(os.environ["TINBAO_HOME"])
with (home / "starts").open("a") as file:
    file.write(" ".join(sys.argv[1:]) + f" {{os.getpid()}}\\n")
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
if (home / "broken").exists() and sys.argv[1] == (home / "broken").read_text():
    sys.exit("this is why it is broken")
if sys.argv[1] == "serve":
    http.server.HTTPServer(("127.0.0.1", int(os.environ["TINBAO_PORT"])), Ready).serve_forever()
if sys.argv[1] == "worker":
    time.sleep(600)
"""

LAUNCH = """
import sys
from pathlib import Path
from api.local import story, supervise
story.first_report = lambda base_url, home: print(f"sample report to {base_url}", flush=True)
supervise.TINBAO = Path(sys.argv[1])
sys.exit(supervise.main())
"""


class Run:
    """One supervisor in a home folder, and what it said."""

    def __init__(
        self, home: Path, *, database_url: str | None = "postgresql://elsewhere/x"
    ) -> None:
        self.home, self.port = home, free_port()
        home.mkdir(exist_ok=True)
        self.stand_in, self.output = home.parent / "tinbao", home.parent / "output"
        self.stand_in.write_text(STAND_IN)
        self.stand_in.chmod(0o755)
        self.environment = os.environ | {
            "TINBAO_HOME": str(home),
            "TINBAO_PORT": str(self.port),
            "TINBAO_MODE": "demo",
        }
        if database_url:
            self.environment["TINBAO_DATABASE_URL"] = database_url

    def start(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-c", LAUNCH, str(self.stand_in)]
        with self.output.open("w") as output:
            return subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdout=output, stderr=output
            )

    def said(self) -> str:
        """What the supervisor that was started last told the terminal."""
        return self.output.read_text()

    @contextmanager
    def started(self) -> Iterator["subprocess.Popen[bytes]"]:
        with self.start() as process:
            try:
                wait_until(lambda: process.poll() is not None or self.answers())
                yield process
            finally:
                process.kill()

    def answers(self) -> bool:
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz"):
            return True
        return False

    def starts(self) -> list[str]:
        """The commands that were started, in order."""
        lines = (self.home / "starts").read_text().splitlines()
        return [line.rsplit(" ", 1)[0] for line in lines]

    def process(self, command: str) -> int:
        """The process that was started last for a command, once it says so."""
        wait_until(lambda: self.processes(command) != [])
        return self.processes(command)[-1]

    def processes(self, command: str) -> list[int]:
        """All that were started for a command and have said so."""
        lines = (self.home / "starts").read_text().splitlines()
        return [int(line.split()[-1]) for line in lines if line.startswith(command)]


def wait_until(happens: Callable[[], bool], seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < until, "waited too long"
        time.sleep(0.05)


def lives(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1]
    except FileNotFoundError:
        return False


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path / "home")


def test_it_migrates_loads_and_serves_in_this_order_and_stops_all_on_ctrl_c(run: Run) -> None:
    with run.started() as process:
        children = [run.process("worker"), run.process("serve")]
        wait_until(lambda: "sample report to" in run.said())
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)

    assert run.starts()[0] == "demo load"
    assert sorted(run.starts()[1:]) == ["serve", "worker"]
    assert f"serving on http://127.0.0.1:{run.port}" in run.said()
    assert process.returncode == 0
    assert not any(lives(child) for child in children)


def test_production_loads_no_demo_data(run: Run) -> None:
    run.environment["TINBAO_MODE"] = "production"

    with run.started():
        starts = run.starts()

    assert "db upgrade" in starts
    assert "demo load" not in starts


@pytest.mark.parametrize("name", ["serve", "worker"])
def test_a_killed_child_is_started_again(run: Run, name: str) -> None:
    with run.started() as process:
        wait_until(lambda: "serving on" in run.said())
        killed = run.process(name)
        os.kill(killed, signal.SIGKILL)

        wait_until(lambda: run.process(name) != killed and run.answers())
        process.terminate()
        process.wait(timeout=20)

    assert f"{name} ended (SIGKILL); starting it again" in run.said()


def test_the_children_of_a_killed_supervisor_end_and_the_next_start_works(run: Run) -> None:
    with run.started() as process:
        children = [run.process("worker"), run.process("serve")]
        process.kill()
        wait_until(lambda: not any(lives(child) for child in children))

    with run.started() as process:
        assert process.poll() is None
        assert run.answers()


def test_a_second_start_in_the_same_home_says_where_the_first_is(run: Run) -> None:
    with run.started() as first:
        second = run.start()
        second.wait(timeout=20)

        assert second.returncode == 1
        assert f"It runs already: http://127.0.0.1:{run.port}, process {first.pid}" in run.said()
        assert run.answers()


def test_a_port_in_use_is_told_with_the_way_out(run: Run) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", run.port))
        other.listen()

        process = run.start()
        process.wait(timeout=20)

    assert process.returncode == 1
    assert f"Port {run.port} is in use by another program" in run.said()
    assert "TINBAO_PORT=" in run.said()


@pytest.mark.parametrize("name", ["demo", "serve"])
def test_a_part_that_fails_at_the_start_is_told_with_its_last_words(run: Run, name: str) -> None:
    run.home.mkdir(exist_ok=True)
    (run.home / "broken").write_text(name)

    process = run.start()
    process.wait(timeout=20)

    assert process.returncode == 1
    assert "this is why it is broken" in run.said()
    assert f"`tinbao {name}" in run.said()


def test_it_keeps_a_private_database_alive_and_stops_it_in_the_end(tmp_path: Path) -> None:
    run = Run(tmp_path / "home", database_url=None)
    cluster = Cluster(run.home)
    try:
        with run.started() as process:
            wait_until(lambda: "serving on" in run.said())
            main_process = cluster.process()
            assert main_process is not None
            os.kill(main_process, signal.SIGKILL)

            wait_until(lambda: cluster.process() not in {None, main_process})
            process.terminate()
            process.wait(timeout=30)

        assert "the database has ended; starting it again" in run.said()
        assert process.returncode == 0
        assert not cluster.running()
    finally:
        cluster.remove()
