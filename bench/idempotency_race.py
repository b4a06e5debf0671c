"""Races for one report id: many PUTs at once, two different bodies, one report.

    python -m bench.idempotency_race --rounds 200 --url http://127.0.0.1:8000

Exactly one PUT of a round is answered 201; those with its body 200 with the very same answer, those
with the other body 409. Prints one line of JSON; exit 1 when any round went otherwise. The service
must run without rate limits (TINBAO_LIMITS__FACTOR=0).
"""

import argparse
import asyncio
import json
import sys
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from api.local.client import uuid7


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
    client: httpx.AsyncClient,
    *,
    rounds: int,
    at_once: int = 20,
    place: tuple[float, float] = (105.8524, 21.0287),
) -> Race:
    """Run the rounds one after another, each with so many PUTs at once."""
    found = Race()
    pair = bodies(place)
    for _ in range(rounds):
        report_id = uuid7()
        url = f"/v1/reports/{report_id}"
        puts = (client.put(url, json=pair[position % 2]) for position in range(at_once))
        found.judge(report_id, await asyncio.gather(*puts))
    return found


async def main() -> int:
    """Race against a running service."""
    parser = argparse.ArgumentParser(description="Races for one report id.")
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=20)
    arguments = parser.parse_args()
    limits = httpx.Limits(max_connections=arguments.at_once)
    began = time.perf_counter()
    async with httpx.AsyncClient(base_url=arguments.url, limits=limits, timeout=30) as client:
        found = await race(client, rounds=arguments.rounds, at_once=arguments.at_once)
    answered = {
        "rounds": found.rounds,
        "statuses": dict(sorted(found.statuses.items())),
        "faults": found.faults[:20],
        "seconds": round(time.perf_counter() - began, 1),
    }
    print(json.dumps(answered))
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
