"""Whatever may die, killed with `kill -9` when nobody expects it, and started again."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from api.local.postgis import SERVICE, Cluster
from tests.service import Service

KINDS = ("API", "worker", "PostgreSQL backend", "PostgreSQL")
LONGEST_AWAY_S = 1.0
PATIENCE_S = 10.0


def deck(kills: int) -> list[str]:
    """So many kinds in random order, each as often as the others."""
    kinds = [KINDS[number % len(KINDS)] for number in range(kills)]
    random.shuffle(kinds)
    return kinds


@dataclass
class Killer:
    """Kills what a service consists of."""

    service: Service
    cluster: Cluster
    faults: list[str]
    kills: Counter[str] = field(default_factory=Counter)
    last: float = 0.0
    """When the last one died (monotonic seconds)."""
    database_up_at: list[float] = field(default_factory=list)
    """When PostgreSQL answered again after it was killed as a whole."""

    def run(self, moments: Sequence[float], progress: Callable[[], int], until: float) -> None:
        """Kill something whenever the progress reaches one of these, until some time at most.

        So the killing lasts as long as the work does, however slow that becomes.
        """
        for moment, kind in zip(moments, deck(len(moments)), strict=True):
            while progress() < moment and time.monotonic() < until:
                time.sleep(0.01)
            self.strike(kind)

    def strike(self, kind: str) -> None:
        """Kill one of a kind, and start it again after a moment."""
        self.last = time.monotonic()
        away_s = random.uniform(0, LONGEST_AWAY_S)
        if kind == "PostgreSQL backend":
            self.kill_backend()
        elif kind == "PostgreSQL":
            os.kill(self.postmaster(), signal.SIGKILL)
            time.sleep(away_s)
            self.cluster.up()
            self.database_up_at.append(time.monotonic())
        else:
            self.kill_process("serve" if kind == "API" else "worker", away_s)
        self.kills[kind] += 1

    def kill_process(self, command: str, away_s: float) -> None:
        """One of the service's own processes. It must have lived until now, whatever else died."""
        name = random.choice([name for name in self.service.own if name.startswith(command)])
        if (status := self.service.processes[name].poll()) is not None:
            self.faults.append(f"{name} ended by itself with {status}")
        self.service.kill(name)
        time.sleep(away_s)
        self.service.start(name)

    def kill_backend(self) -> None:
        """One connection's server process; PostgreSQL then ends all others and recovers."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            if backends := children(self.postmaster(), f"postgres: {SERVICE} "):
                os.kill(random.choice(backends), signal.SIGKILL)
                return
            time.sleep(0.05)
        self.faults.append("PostgreSQL had no connection of the service to kill")

    def postmaster(self) -> int:
        """PostgreSQL's main process."""
        process = self.cluster.process()
        if process is None:
            raise RuntimeError("PostgreSQL is gone although nobody killed it.")
        return process


def children(parent: int, title: str) -> list[int]:
    """The processes whose parent is `parent` and whose title begins so."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                of = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                if of == parent and (entry / "cmdline").read_text().startswith(title):
                    found.append(int(entry.name))
    return found
