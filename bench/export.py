"""What an export of 200,000 cases costs: seconds, and memory, which must not grow with the cases.

python -m bench.export --cases 200000
"""

import argparse
import time
import urllib.request
from pathlib import Path

from sqlalchemy import Engine, create_engine, text

from api.local.client import Client, uuid7
from bench.intake import BODY, database, serving
from bench.stream import officers
from bench.table import Figure, show

COPIES = """
insert into reports (id, case_id, kind, category, text, folded, about_station, language, location,
    accuracy_m, place_source, cell_r9, observed_at, received_at, urgency, station_id,
    edition_id, ward_code, province_code, confidence, routing, reporter_kind, reporter_key,
    body_sha256, receipt_hash, receipt_key_id, receipt_signature, acknowledgement_id)
select gen_random_uuid(), gen_random_uuid(), kind, category, text || ' ' || n, folded,
    about_station, language, location, accuracy_m, place_source, cell_r9, observed_at,
    received_at + n * interval '1 second', 1 + n % 3, station_id, edition_id, ward_code,
    province_code, confidence, routing, reporter_kind, reporter_key, body_sha256,
    sha256(gen_random_uuid()::text::bytea), receipt_key_id, receipt_signature, gen_random_uuid()
from reports, generate_series(2, :cases) as n
"""
MIB = 1024 * 1024


def resident(pid: int) -> float:
    """MiB of memory a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / MIB


def fill(engine: Engine, base_url: str, cases: int) -> str:
    """So many open cases of one station; the station."""
    Client(base_url).call("PUT", f"/v1/reports/{uuid7()}", BODY)
    with engine.begin() as connection:
        connection.execute(text(COPIES), {"cases": cases})
        station: str = connection.execute(
            text("select station_id from reports limit 1")
        ).scalar_one()
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("analyze reports"))
    return station


def fetch(base_url: str, token: str, name: str, pid: int) -> tuple[float, float, float]:
    """Seconds, MiB of the file, and how many MiB the server grew meanwhile at most."""
    before = most = resident(pid)
    began, size = time.perf_counter(), 0
    request = urllib.request.Request(  # noqa: S310 - our own base_url
        f"{base_url}/v1/exports/{name}", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=600) as answer:  # noqa: S310 - ours
        while chunk := answer.read(MIB):
            size += len(chunk)
            most = max(most, resident(pid))
    return time.perf_counter() - began, size / MIB, most - before


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with database() as (home, url), serving(home, 1) as (base_url, pid):
        engine = create_engine(url)
        station = fill(engine, base_url, given.cases)
        (token,) = officers(engine, [station], 1)
        for name in ("cases.csv", "cases.geojson", "cases.xlsx"):
            rounds = [fetch(base_url, token, name, pid) for _ in range(given.rounds)]
            seconds, size, grown = (list(each) for each in zip(*rounds, strict=True))
            show(
                f"{given.cases:,} cases as {name}",
                [
                    Figure("time", seconds, "s"),
                    Figure("file", size, "MiB"),
                    Figure("memory the server grew by", grown, "MiB", "bounded"),
                ],
            )
        engine.dispose()


if __name__ == "__main__":
    main()
