"""Query plans over a crowded table: which index serves what."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import ClauseElement, Connection, Engine, text

CROWD = """
insert into reports (id, case_id, state, kind, category, text, about_station, language,
    place_source, received_at, urgency, station_id, confidence, routing, reporter_kind,
    body_sha256, receipt_hash, receipt_key_id, receipt_signature, acknowledgement_id)
select gen_random_uuid(), gen_random_uuid(),
    case when n / :stations % 4 = 0 then 'resolved' else 'received' end,
    'tip', 'noise', 'x', false, 'vi', 'unknown', now() - n * interval '1 second', 1 + n % 3,
    'w-crowd-' || n % :stations, 'unknown', '{}', 'anonymous', '',
    uuid_send(gen_random_uuid()), 'k', '', gen_random_uuid()
from generate_series(0, :reports - 1) n
"""
INFORMED = """
insert into case_informed (case_id, station_id)
select case_id, 'w-crowd-' || (replace(station_id, 'w-crowd-', '')::int + 1) % :stations
from reports where station_id like 'w-crowd-%'
"""
"""Each station is informed of all cases of the one before it."""


@contextmanager
def crowded(engine: Engine, *, stations: int, reports: int) -> Iterator[tuple[Connection, str]]:
    """Reports of many stations, a quarter of them closed, in a transaction that leaves nothing.

    Answers its connection (the owner's) and one of the stations.
    """
    with engine.connect() as owner, owner.begin() as transaction:
        owner.execute(
            text(
                "insert into stations (id, kind, name) select 'w-crowd-' || n, 'ward', 'x'"
                " from generate_series(0, :stations - 1) n"
            ),
            {"stations": stations},
        )
        owner.execute(text(CROWD), {"stations": stations, "reports": reports})
        owner.execute(text(INFORMED), {"stations": stations})
        owner.execute(text("analyze reports, case_informed"))
        yield owner, "w-crowd-0"
        transaction.rollback()


def literally(connection: Connection, statement: ClauseElement) -> str:
    """A statement with its parameters in it."""
    compiled = statement.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
    return str(compiled).replace("%%", "%")


def plan_of(connection: Connection, statement: str) -> dict[str, Any]:
    """The plan a statement was run by, with what each node did."""
    found = connection.exec_driver_sql(f"explain (analyze, format json) {statement}").scalar_one()
    plan: dict[str, Any] = found[0]["Plan"]
    return plan


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every node of a plan."""
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def indexes(plan: dict[str, Any]) -> set[str]:
    """The indexes a plan uses."""
    return {node["Index Name"] for node in nodes(plan) if "Index Name" in node}


def scans_a_table(plan: dict[str, Any]) -> bool:
    """Whether a plan reads a whole table of cases."""
    return any(
        node["Node Type"] == "Seq Scan" and node["Relation Name"] in ("reports", "case_informed")
        for node in nodes(plan)
    )
