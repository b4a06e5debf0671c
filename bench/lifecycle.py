"""Many random lives of cases, every answer judged: the steps of the table under hypothesis.

    python -m bench.lifecycle --examples 2000 --steps 50

Builds a PostgreSQL and a service of its own in a temporary folder. In each example officers of five
stations, others of the staff, a reporter and a stranger try steps on three cases. Prints how often
each step was done or refused, and why; exit 1 at the first life that went wrong, which is printed.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import seed, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import create_engine, make_url

from api import migrations
from api.local.postgis import Cluster
from api.secrets import create_keys
from api.settings import Settings
from api.telemetry import configure_logs
from tests.lifecycle.machine import LIVES, Life
from tests.lifecycle.world import World, living
from tests.town import load_town

BATCH = 100
"""Lives between two lines of progress; each batch has a seed of its own."""


@contextmanager
def world(home: Path) -> Iterator[World]:
    """A service on a database of its own."""
    cluster = Cluster(home / "database", durable=False)
    cluster.up()
    try:
        migrations.upgrade(cluster.url())
        cluster.grant_service()
        engine = create_engine(cluster.url())
        made = Settings.model_validate(
            {
                "mode": "demo",
                "home": home,
                "database_url": plain(cluster.url()),
                "service_database_url": plain(cluster.service_url()),
                "limits": {"factor": 0},
                "log_level": "error",
            }
        )
        create_keys(made.keys)
        load_town(engine, made.keys)
        with living(engine, made) as found:
            yield found
        engine.dispose()
    finally:
        cluster.remove()


def plain(url: str) -> str:
    """The URL as a setting."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def rows(tried: Counter[tuple[str, str]]) -> Iterator[list[str]]:
    """For each step: how often done, how often refused, and for what."""
    of_step: dict[str, Counter[str]] = defaultdict(Counter)
    for (step, answer), times in tried.items():
        of_step[step][answer] = times
    for step, answers in sorted(of_step.items()):
        done = answers.pop("done", 0)
        why = ", ".join(f"{code} {times}" for code, times in answers.most_common())
        yield [step, str(done), str(answers.total()), why]


def live(lives: int, steps: int, number: int) -> None:
    """Some lives; to report the cases is a step of the machine too."""
    run_state_machine_as_test(
        seed(number)(Life),
        settings=settings(LIVES, max_examples=lives, stateful_step_count=1 + steps),
    )


def main() -> int:
    """Run the lives, and print what came of them."""
    parser = argparse.ArgumentParser(description="Random lives of cases.")
    parser.add_argument("--examples", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    options = parser.parse_args()
    configure_logs("error")
    print(f"{options.examples} lives of {options.steps} steps, seed {options.seed}", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as home, world(Path(home)) as Life.world:
        while Life.begun < options.examples:
            live(
                min(BATCH, options.examples - Life.begun), options.steps, options.seed + Life.begun
            )
            spent = time.monotonic() - began
            print(
                f"{Life.begun} lives, {Life.tried.total()} steps tried, {spent:.0f} s", flush=True
            )
    print("| step | done | refused | why |\n| --- | --- | --- | --- |")
    for row in rows(Life.tried):
        print(f"| {' | '.join(row)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
