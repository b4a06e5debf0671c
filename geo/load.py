"""Importing a boundary edition: all of it or nothing, in short transactions.

Everything is read and judged before the first row is written. The rows of an import that is under
way, or that died, belong to an edition in state `loading`, which nothing reads and the next import
deletes; one last short transaction turns it into `imported`.
"""

import datetime as dt
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import shapely
from psycopg.types.numeric import Float8, Int4
from sqlalchemy import Connection, Engine, text

from geo import editions, stations
from geo.crs import WGS84
from geo.features import FieldOptions, Known, Reading, WardShape
from geo.findings import ImportReport, describe, judge_overlaps
from geo.reading import read_wards
from geo.shapes import area_m2
from geo.tables import EditionState
from geo.topology import Topology, examine

BATCH = 250
"""Wards written in one transaction: a few seconds at most on a slow disk."""

ONE_IMPORT = "select pg_try_advisory_lock(hashtext('tinbao.wards import'))"

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and out of how much."""

Recorded = Callable[[Connection, ImportReport], None]
"""Told of a success inside the last transaction, to write it down there."""


class ImportRunningError(ValueError):
    """Another process is importing an edition now."""


def silent(_stage: str, _done: int, _total: int) -> None:
    """Nobody watches."""


def unrecorded(_connection: Connection, _report: ImportReport) -> None:
    """Nobody keeps a record."""


def import_edition(
    engine: Engine,
    path: str | Path,
    *,
    effective_from: dt.date,
    fields: FieldOptions = FieldOptions(),  # noqa: B008 - frozen
    attribution: str = "",
    accept_overlaps: bool = False,
    dry_run: bool = False,
    progress: Progress = silent,
    recorded: Recorded = unrecorded,
) -> ImportReport:
    """Import a boundary file as an edition effective from a day; it still has to be activated.

    The report lists everything found. When it is `refused`, or on a dry run, nothing was
    written. Raises `ImportRunningError` when another import is under way.
    """
    progress("read", 0, 1)
    with engine.connect() as connection:
        known = known_codes(connection)
    reading = read_wards(path, fields, known)
    progress("read", 1, 1)
    return import_reading(
        engine,
        reading,
        source=Path(path).name,
        attribution=attribution,
        approximate=False,
        effective_from=effective_from,
        accept_overlaps=accept_overlaps,
        dry_run=dry_run,
        progress=progress,
        recorded=recorded,
    )


def import_reading(
    engine: Engine,
    reading: Reading,
    *,
    source: str,
    attribution: str,
    approximate: bool,
    effective_from: dt.date,
    accept_overlaps: bool = False,
    dry_run: bool = False,
    progress: Progress = silent,
    recorded: Recorded = unrecorded,
) -> ImportReport:
    """Judge wards that were read, and write them as an edition unless that is refused."""
    boundaries = np.array([ward.boundary for ward in reading.wards], dtype=object)
    progress("compare neighbours", 0, 1)
    topology = examine([ward.code for ward in reading.wards], boundaries)
    areas = area_m2(boundaries)
    progress("compare neighbours", 1, 1)

    report = describe(reading, topology, source=source, effective_from=effective_from)
    report.approximate = approximate
    with engine.connect() as connection:
        if not approximate:
            compare_with_reference(connection, report, reading, areas, accept_overlaps)
    if report.refused or dry_run:
        return report

    with alone(engine):
        edition_id = begin_edition(engine, report, attribution)
        write_wards(engine, edition_id, reading.wards, areas, progress)
        finish_edition(engine, edition_id, report, topology, recorded)
    return report


def known_codes(connection: Connection) -> Known:
    """Names of provinces, and which wards lie in them, by what was imported before."""
    return Known(
        provinces={
            row.code: row.name
            for row in connection.execute(text("select code, name from provinces"))
        },
        ward_provinces={
            row.code: row.province_code
            for row in connection.execute(
                text("""
                    select distinct on (w.code) w.code, w.province_code
                      from wards w join boundary_editions e on e.id = w.edition_id
                     where e.state <> 'loading'
                     order by w.code, e.approximate, e.effective_from desc, e.id desc
                """)
            )
        },
    )


def compare_with_reference(
    connection: Connection,
    report: ImportReport,
    reading: Reading,
    areas: Any,
    accept_overlaps: bool,
) -> None:
    """Add what changes against the real edition in force, and which overlaps are new."""
    reference = editions.reference_for(connection, report.effective_from)
    aliases = editions.aliases(connection)
    after = {
        ward.code: editions.WardFacts(ward.name, ward.type, ward.province_code, float(area))
        for ward, area in zip(reading.wards, areas, strict=True)
    }
    overlaps_before = None
    if reference is not None:
        before = editions.facts(connection, reference)
        report.changes = editions.compare(
            before,
            after,
            against=reference,
            aliases=aliases,
            successions=editions.successions(connection),
        )
        stored = connection.scalar(
            text("select report from boundary_editions where id = :id"), {"id": reference}
        )
        overlaps_before = (stored or {}).get("overlaps", {}).get("pairs", [])
    judge_overlaps(report, overlaps_before, aliases=aliases, accepted=accept_overlaps)


@contextmanager
def alone(engine: Engine) -> Iterator[None]:
    """Let one import write at a time; what a dead one left behind is deleted first.

    The lock belongs to a connection of its own without a transaction, so it holds up nobody.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.scalar(text(ONE_IMPORT)):
            raise ImportRunningError("Another import is running; try again when it is done.")
        try:
            connection.execute(text("delete from boundary_editions where state = 'loading'"))
            yield
        finally:
            connection.execute(text("select pg_advisory_unlock(hashtext('tinbao.wards import'))"))


def begin_edition(engine: Engine, report: ImportReport, attribution: str) -> int:
    """Make the edition, in state `loading`."""
    with engine.begin() as connection:
        edition_id: int = connection.execute(
            text("""
                insert into boundary_editions
                       (effective_from, approximate, state, source, attribution, imported_at,
                        report)
                values (:effective_from, :approximate, :state, :source, :attribution, now(),
                        '{}')
                returning id
            """),
            {
                "effective_from": report.effective_from,
                "approximate": report.approximate,
                "state": EditionState.LOADING,
                "source": report.source,
                "attribution": attribution,
            },
        ).scalar_one()
    return edition_id


def write_wards(
    engine: Engine, edition_id: int, wards: list[WardShape], areas: Any, progress: Progress
) -> None:
    """Copy the wards in batches, each in a transaction of its own."""
    rows = list(zip(wards, areas.tolist(), strict=True))
    for start in range(0, len(rows), BATCH):
        progress("write", start, len(rows))
        with engine.begin() as connection:
            copy_wards(connection, edition_id, rows[start : start + BATCH])
    progress("write", len(rows), len(rows))


COPY_WARDS = """
    copy wards (edition_id, code, name, name_en, type, province_code, province_name,
                boundary, area_m2)
    from stdin (format binary)
"""


def copy_wards(
    connection: Connection, edition_id: int, batch: list[tuple[WardShape, float]]
) -> None:
    """COPY wards in binary form, boundaries as EWKB: every double arrives as it was read."""
    ewkb = shapely.to_wkb(
        shapely.set_srid([ward.boundary for ward, _ in batch], WGS84), include_srid=True
    )
    raw = connection.connection.driver_connection
    if not isinstance(raw, psycopg.Connection):
        raise TypeError("Imports need the psycopg driver.")
    with raw.cursor() as cursor, cursor.copy(COPY_WARDS) as copy:
        for (ward, area), boundary in zip(batch, ewkb, strict=True):
            copy.write_row(
                (
                    Int4(edition_id),
                    ward.code,
                    ward.name,
                    ward.name_en,
                    ward.type.value,
                    ward.province_code,
                    ward.province_name,
                    boundary,
                    Float8(area),
                )
            )


def finish_edition(
    engine: Engine,
    edition_id: int,
    report: ImportReport,
    topology: Topology,
    recorded: Recorded,
) -> None:
    """The last transaction: gaps, provinces, stations, and the edition is `imported`."""
    report.edition_id = edition_id
    with engine.begin() as connection:
        if topology.gaps:
            connection.execute(
                text("""
                    insert into boundary_gaps (edition_id, hole)
                    values (:edition, ST_GeomFromWKB(:hole, 4326))
                """),
                [
                    {"edition": edition_id, "hole": shapely.to_wkb(gap.hole)}
                    for gap in topology.gaps
                ],
            )
        stations.provide_defaults(connection, edition_id)
        connection.execute(
            text("""
                update boundary_editions set state = 'imported', report = cast(:report as jsonb)
                 where id = :id
            """),
            {"id": edition_id, "report": json.dumps(report.as_json(), ensure_ascii=False)},
        )
        recorded(connection, report)
