"""The service as its operator runs it: `tinbao serve` and `tinbao worker`, real processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from api.local.machine import free_port

TINBAO = Path(sys.executable).with_name("tinbao")
READY_WITHIN_S = 60.0


@dataclass
class Service:
    """APIs and workers on one database; each can be killed and started again."""

    home: Path
    environment: dict[str, str]
    own: dict[str, dict[str, str]]
    """The processes (`serve`, `worker`, `serve-2`, ...), and what the environment of each adds."""
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def base_urls(self) -> list[str]:
        """Where each API listens."""
        ports = [own["TINBAO_PORT"] for own in self.own.values() if "TINBAO_PORT" in own]
        return [f"http://127.0.0.1:{port}" for port in ports]

    @property
    def base_url(self) -> str:
        """Where the first API listens."""
        return self.base_urls[0]

    def log(self, name: str) -> Path:
        """Where a process's standard output and error go, across its lives."""
        return self.home / f"{name}.log"

    def start(self, name: str) -> None:
        """Start one of the processes."""
        command = [str(TINBAO), name.partition("-")[0]]
        environment = self.environment | self.own[name]
        with self.log(name).open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, cwd=self.home
            )

    def kill(self, name: str) -> None:
        """`kill -9`: no goodbye."""
        self.processes[name].send_signal(signal.SIGKILL)
        self.processes[name].wait()

    def restart(self, name: str) -> None:
        """Kill it and start it again."""
        self.kill(name)
        self.start(name)

    def has_ended(self, name: str) -> bool:
        """Whether a process that was started is gone."""
        return self.processes[name].poll() is not None

    def wait_until_ready(self) -> None:
        """Until /readyz of every API is green."""
        until = time.monotonic() + READY_WITHIN_S
        for base_url in self.base_urls:
            while (reason := why_not_ready(base_url)) is not None:
                if time.monotonic() > until or self.has_ended("serve"):
                    raise TimeoutError(reason + self.log("serve").read_text()[:4000])
                time.sleep(0.1)

    def stop(self) -> None:
        """End every process."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def why_not_ready(base_url: str) -> str | None:
    """None when /readyz is green, else what it says."""
    try:
        answer = httpx.get(f"{base_url}/readyz")
    except httpx.TransportError as error:
        return f"no answer: {error}"
    return None if answer.status_code == 200 else answer.text


@contextmanager
def running(
    home: Path, database_url: str, extra: Mapping[str, str], *, apis: int = 1, workers: int = 1
) -> Iterator[Service]:
    """A service on a migrated database, in demo mode without limits unless `extra` says else."""
    own: dict[str, dict[str, str]] = {}
    for number in range(apis):
        port, metrics = str(free_port()), str(free_port())
        own[named("serve", number)] = {"TINBAO_PORT": port, "TINBAO_METRICS_PORT": metrics}
    for number in range(workers):
        own[named("worker", number)] = {"TINBAO_WORKER_METRICS_PORT": str(free_port())}
    service = Service(
        home=home,
        own=own,
        environment={
            **os.environ,
            "TINBAO_MODE": "demo",
            "TINBAO_HOME": str(home),
            "TINBAO_DATABASE_URL": database_url,
            "TINBAO_LIMITS__FACTOR": "0",
            **extra,
        },
    )
    try:
        for name in own:
            service.start(name)
        service.wait_until_ready()
        yield service
    finally:
        service.stop()


def named(command: str, number: int) -> str:
    """`serve`, `serve-2`, `serve-3`, ..."""
    return command if number == 0 else f"{command}-{number + 1}"
