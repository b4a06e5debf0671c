"""Races for one report id: many PUTs at once, two different bodies, one report.

    python -m bench.idempotency_race --rounds 1000

Exactly one PUT of a round is answered 201; those with its body 200 with the very same answer, those
with the other body 409; at the end every round has left one report with one acknowledgement and one
audit event. Makes an installation of its own with two API processes. With `--url` it races against
a running service instead, which must be without rate limits (TINBAO_LIMITS__FACTOR=0), and does not
look into its database. Prints a table; exit 1 when anything went otherwise.
"""

import argparse
import asyncio
import sys
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
from sqlalchemy import create_engine, text

from api.local.client import uuid7
from bench.intake import database, serving

COUNTS = {
    "reports": "select count(*) from reports",
    "acknowledgements": "select count(*) from acknowledgements",
    "audit events": "select count(*) from audit_events where action = 'report.received'",
}

TABLE = """
### {rounds:,} rounds of {at_once} concurrent requests for one id with two bodies, {took:.0f} s

| created | answered as before | refused | anything else | faults |
| --- | --- | --- | --- | --- |
| {created:,} | {repeated:,} | {refused:,} | {other:,} | {faults:,} |"""


def bodies(place: tuple[float, float]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two reports that differ in one word."""
    lon, lat = place
    where = {"lon": lon, "lat": lat, "source": "gps", "accuracy_m": 25}
    first: dict[str, Any] = {"kind": "tip", "category": "noise", "text": "one", "place": where}
    return first, first | {"text": "two"}


@dataclass
class Race:
    """What became of the rounds."""

    rounds: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    created: list[uuid.UUID] = field(default_factory=list)

    def judge(self, report_id: uuid.UUID, answers: Sequence[httpx.Response]) -> None:
        """Take in one round; its answers alternate between the two bodies."""
        self.rounds += 1
        self.created.append(report_id)
        statuses = [answer.status_code for answer in answers]
        self.statuses.update(statuses)
        if statuses.count(201) != 1:
            self.faults.append(f"{report_id}: {statuses.count(201)} created")
            return
        winner = statuses.index(201)
        for position, answer in enumerate(answers):
            same_body = position % 2 == winner % 2
            if same_body and answer.json() != answers[winner].json():
                self.faults.append(f"{report_id}: another answer to the same report")
            if not same_body and answer.status_code != 409:
                self.faults.append(f"{report_id}: {answer.status_code} to another body")


async def race(
    *clients: httpx.AsyncClient,
    rounds: int,
    at_once: int = 20,
    place: tuple[float, float] = (105.8524, 21.0287),
) -> Race:
    """Run the rounds one after another, each with so many PUTs at once, dealt to the clients."""
    found = Race()
    pair = bodies(place)
    for _ in range(rounds):
        report_id = uuid7()
        url = f"/v1/reports/{report_id}"
        puts = (
            clients[position // 2 % len(clients)].put(url, json=pair[position % 2])
            for position in range(at_once)
        )
        found.judge(report_id, await asyncio.gather(*puts))
    return found


def left_over(url: str, rounds: int) -> list[str]:
    """What the database has that it should not: each round is one report, told and audited once."""
    with create_engine(url).connect() as connection:
        counts = {name: connection.scalar(text(query)) for name, query in COUNTS.items()}
    return [f"{count} {name} in the database" for name, count in counts.items() if count != rounds]


async def race_at(base_urls: Sequence[str], rounds: int, at_once: int) -> Race:
    """Race against the processes of a service."""
    limits = httpx.Limits(max_connections=at_once, keepalive_expiry=2)
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                httpx.AsyncClient(base_url=each, limits=limits, timeout=30, trust_env=False)
            )
            for each in base_urls
        ]
        return await race(*clients, rounds=rounds, at_once=at_once)


def main() -> int:
    """Race, and print what came of it."""
    parser = argparse.ArgumentParser(description="Races for one report id.")
    parser.add_argument("--url", help="a running service; without it one is made")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=20)
    given = parser.parse_args()
    began = time.perf_counter()
    if given.url:
        found = asyncio.run(race_at([given.url], given.rounds, given.at_once))
    else:
        with (
            database() as (home, url),
            serving(home, 1) as (one, _),
            serving(home, 1) as (other, _),
        ):
            began = time.perf_counter()
            found = asyncio.run(race_at([one, other], given.rounds, given.at_once))
            found.faults += left_over(url, given.rounds)
    took = time.perf_counter() - began
    print(TABLE.format(
        rounds=found.rounds, at_once=given.at_once, took=took, faults=len(found.faults),
        created=found.statuses[201], repeated=found.statuses[200], refused=found.statuses[409],
        other=found.statuses.total() - sum(found.statuses[each] for each in (200, 201, 409)),
    ))  # fmt: skip
    for fault in found.faults[:20]:
        print(fault)
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main())
