"""How soon an officer's open page is told of a new report, with many pages open.

    python -m bench.stream --streams 200 --rate 50 --seconds 20

Pages are open on 20 wards' queues, ten officers each by default; reports come in at a steady rate
for these wards. The time runs from the moment the phone sends to the moment the page is told, and
from the 201; all on this machine, one API process.
"""

import argparse
import asyncio
import json
import statistics
import time
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from sqlalchemy import Engine, create_engine, text

from api.accounts.identity import STAFF_PREFIX, new_token
from api.accounts.tables import StaffRole
from api.local.client import uuid7
from api.secrets import load_keys, token_hash
from bench.intake import BODY, database, serving
from bench.table import Figure, show

WARDS = 20
SETTLE_S = 3.0

SOME_WARDS = """
select station_id, ST_X(point) as lon, ST_Y(point) as lat
from (
    select jurisdiction.station_id, ST_PointOnSurface(ward.boundary) as point
    from wards as ward
    join jurisdictions as jurisdiction on jurisdiction.ward_code = ward.code
    order by ward.code limit :wards
) as found
"""
NEW_STAFF = """
with made as (
    insert into staff (username, password_hash, totp_secret, recovery_hashes, role, station_id)
    values (:username, '', '', '{}', :role, :station) returning id
)
insert into staff_sessions (token_hash, staff_id, expires_at)
select :hash, id, now() + interval '1 hour' from made
"""


ASK = "GET /v1/queue/events HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n"


@dataclass
class Seen:
    """When each report was sent and accepted, and when each page was told of which case."""

    sent: dict[uuid.UUID, float] = field(default_factory=dict)
    accepted: dict[uuid.UUID, float] = field(default_factory=dict)
    told: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    ready: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))


def officers(engine: Engine, stations: Sequence[str], count: int) -> list[str]:
    """Sessions of duty officers, spread over the stations; their tokens."""
    tokens = [new_token(STAFF_PREFIX) for _ in range(count)]
    with engine.begin() as connection:
        for n, token in enumerate(tokens):
            connection.execute(
                text(NEW_STAFF),
                {
                    "username": f"bench-{uuid.uuid4().hex}",
                    "role": StaffRole.DUTY_OFFICER,
                    "station": stations[n % len(stations)],
                    "hash": token_hash(token),
                },
            )
    return tokens


async def watch(port: int, token: str, seen: Seen) -> None:
    """One open page, read with as little work as can be: 200 of them share this process."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(ASK.format(token=token).encode())
    try:
        while line := await reader.readline():
            now = time.perf_counter()
            if line.startswith(b"event: ready"):
                seen.ready.release()
            elif line.startswith(b'data: {"case_id"'):
                seen.told[json.loads(line[6:])["case_id"]].append(now)
    finally:
        writer.close()


async def report(client: httpx.AsyncClient, place: tuple[float, float], seen: Seen) -> None:
    """Send one report."""
    report_id = uuid7()
    where = {"lon": place[0], "lat": place[1], "source": "gps"}
    seen.sent[report_id] = time.perf_counter()
    answer = await client.put(f"/v1/reports/{report_id}", json=BODY | {"place": where})
    answer.raise_for_status()
    seen.accepted[report_id] = time.perf_counter()


async def one_round(
    base_url: str,
    tokens: Sequence[str],
    places: Sequence[tuple[float, float]],
    *,
    rate: int,
    seconds: int,
) -> Seen:
    """Open the pages, send the reports, and wait until everything was told."""
    seen = Seen()
    port = int(base_url.rpartition(":")[2])
    pages = [asyncio.create_task(watch(port, token, seen)) for token in tokens]
    async with asyncio.timeout(60):
        for _ in tokens:
            await seen.ready.acquire()
    async with httpx.AsyncClient(base_url=base_url, timeout=30) as client:
        begins = time.perf_counter()
        sending = []
        for n in range(rate * seconds):
            await asyncio.sleep(max(0.0, begins + n / rate - time.perf_counter()))
            sending.append(asyncio.create_task(report(client, places[n % len(places)], seen)))
        await asyncio.gather(*sending)
    await asyncio.sleep(SETTLE_S)
    for page in pages:
        page.cancel()
    await asyncio.gather(*pages, return_exceptions=True)
    return seen


def waits(
    engine: Engine, home: Path, seen: Seen, pages_a_ward: int
) -> tuple[list[float], list[float], int]:
    """Milliseconds since sending and since the 201, and how many pages were not told."""
    keys = load_keys(home / "keys")
    stored = {keys.store_id(each): each for each in seen.sent}
    with engine.connect() as connection:
        found = connection.execute(
            text("select id, case_id from reports where id = any(:ids)"), {"ids": list(stored)}
        ).all()
    since_sent, since_accepted, missed = [], [], 0
    for stored_id, case_id in found:
        told = seen.told[str(case_id)]
        missed += pages_a_ward - len(told)
        report_id = stored[stored_id]
        since_sent += [1000 * (at - seen.sent[report_id]) for at in told]
        since_accepted += [1000 * (at - seen.accepted[report_id]) for at in told]
    return since_sent, since_accepted, missed


def percentile(values: Sequence[float], share: float) -> float:
    """The value that so large a share stays below."""
    return statistics.quantiles(values, n=1000)[round(share * 1000) - 1]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--rate", type=int, default=50)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with database() as (home, url):
        engine = create_engine(url)
        with engine.connect() as connection:
            wards = connection.execute(text(SOME_WARDS), {"wards": WARDS}).all()
        tokens = officers(engine, [ward.station_id for ward in wards], given.streams)
        places = [(ward.lon, ward.lat) for ward in wards]
        sent50, sent95, accepted95, missed = [], [], [], []
        with serving(home, 1) as (base_url, _):
            for _ in range(given.rounds):
                seen = asyncio.run(
                    one_round(base_url, tokens, places, rate=given.rate, seconds=given.seconds)
                )
                since_sent, since_accepted, lost = waits(
                    engine, home, seen, given.streams // len(wards)
                )
                sent50.append(percentile(since_sent, 0.5))
                sent95.append(percentile(since_sent, 0.95))
                accepted95.append(percentile(since_accepted, 0.95))
                missed.append(float(lost))
        engine.dispose()
    show(
        f"New reports on {given.streams} open pages at {given.rate} reports a second",
        [
            Figure("from sending to the page, p50", sent50, "ms"),
            Figure("from sending to the page, p95", sent95, "ms", "≤ 250"),
            Figure("from the 201 to the page, p95", accepted95, "ms"),
            Figure("pages not told", missed, "", "0"),
        ],
    )


if __name__ == "__main__":
    main()
