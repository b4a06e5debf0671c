"""The service as its operator runs it: `tinbao serve` and `tinbao worker`, real processes."""

import contextlib
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
    """One API and one worker on one database; each can be killed and started again."""

    home: Path
    environment: dict[str, str]
    base_url: str
    metrics_urls: tuple[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def log(self, name: str) -> Path:
        """Where a process's standard output and error go, across its lives."""
        return self.home / f"{name}.log"

    def start(self, name: str) -> None:
        """Start `serve` or `worker`."""
        with self.log(name).open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [str(TINBAO), name], env=self.environment, stdout=log, stderr=log, cwd=self.home
            )

    def kill(self, name: str) -> None:
        """`kill -9`: no goodbye."""
        self.processes[name].send_signal(signal.SIGKILL)
        self.processes[name].wait()

    def restart(self, name: str) -> None:
        """Kill it and start it again."""
        self.kill(name)
        self.start(name)

    def wait_until_ready(self) -> None:
        """Until /readyz is green."""
        until = time.monotonic() + READY_WITHIN_S
        reason = "no answer"
        while time.monotonic() < until:
            with contextlib.suppress(httpx.TransportError):
                answer = httpx.get(f"{self.base_url}/readyz")
                if answer.status_code == 200:
                    return
                reason = answer.text
            time.sleep(0.1)
        raise TimeoutError(reason + self.log("serve").read_text()[:4000])

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


@contextmanager
def running(home: Path, database_url: str, extra: Mapping[str, str]) -> Iterator[Service]:
    """A service on a migrated database, in demo mode without limits unless `extra` says else."""
    port, metrics, worker_metrics = free_port(), free_port(), free_port()
    service = Service(
        home=home,
        base_url=f"http://127.0.0.1:{port}",
        metrics_urls=tuple(f"http://127.0.0.1:{p}/metrics" for p in (metrics, worker_metrics)),  # type: ignore[arg-type]
        environment={
            **os.environ,
            "TINBAO_MODE": "demo",
            "TINBAO_HOME": str(home),
            "TINBAO_PORT": str(port),
            "TINBAO_METRICS_PORT": str(metrics),
            "TINBAO_WORKER_METRICS_PORT": str(worker_metrics),
            "TINBAO_DATABASE_URL": database_url,
            "TINBAO_LIMITS__FACTOR": "0",
            **extra,
        },
    )
    try:
        for name in ("serve", "worker"):
            service.start(name)
        service.wait_until_ready()
        yield service
    finally:
        service.stop()
