"""Tiles of the station's own cases, counted where there is no room for each.

All under the officer's rights: the station and ranges of numbers find the cases in an index,
because under row-level security shapes cannot be looked up. The database hands over columns, and
the tile is written here: a row for each case would take it several times as long.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Float,
    Integer,
    Select,
    Uuid,
    bindparam,
    cast,
    func,
    literal_column,
    make_url,
    select,
)
from sqlalchemy.dialects.postgresql import BYTEA

from api.reports.tables import Report
from api.triage.filters import QueueFilter, conditions
from geo import mvt, quads

LEAST_ZOOM, MOST_ZOOM = 0, 18
COUNTED_BELOW = 13
"""From this zoom on every case is shown; before, how many there are in each of 64 x 64 cells."""
GRID_BITS = 6
GRID = 1 << GRID_BITS
CELL = mvt.STEPS >> GRID_BITS
URGENCY_BITS = 4
MOST_CASES = 10_000
"""Cases shown in one tile, at the most."""
KEPT_STATEMENTS = 256

TOLD = ("state", "kind", "category", "urgency", "overdue")
"""What a tile tells of a case besides its id."""
Row = tuple[Any, ...]

STATION: ColumnElement[str] = func.nullif(func.current_setting("tinbao.station", True), "")
ME: ColumnElement[Any] = cast(func.nullif(func.current_setting("tinbao.staff", True), ""), Uuid)
"""Where and who the officer is, as the transaction says."""

DIALECT = make_url("postgresql+psycopg://").get_dialect()()


def located(wanted: QueueFilter) -> list[ColumnElement[bool]]:
    """The station's own cases in a tile that a filter lets through; served by `ix_reports_map`."""
    first, last = bindparam("first", None, BigInteger), bindparam("last", None, BigInteger)
    return [
        Report.station_id == STATION,
        Report.quad.between(first, last),
        *conditions(wanted, ME, func.now()),
    ]


def cases_statement(wanted: QueueFilter, *, exact: bool = False) -> Select[Any]:
    """The cases of a tile by what is told of them, without anything of their reporters.

    A row has the ids of all cases that are alike, and where they are: their numbers or, exactly,
    degrees east and degrees north. Each of these is one string of bytes.
    """
    lon_lat = func.ST_X(Report.location, type_=Float), func.ST_Y(Report.location, type_=Float)
    places: tuple[Any, ...] = lon_lat if exact else (Report.quad,)
    told = {
        "state": Report.state,
        "kind": Report.kind,
        "category": Report.category,
        "urgency": Report.urgency,
        "overdue": func.coalesce(Report.due_at < func.now(), False),
    }
    rows = (
        select(
            Report.case_id,
            *(each.label(f"place_{n}") for n, each in enumerate(places)),
            *(each.label(name) for name, each in told.items()),
        )
        .where(*located(wanted))
        .limit(literal_column(str(MOST_CASES)))
        .subquery("cases")
    )
    sends = func.float8send if exact else func.int8send
    return select(
        *(rows.c[name] for name in told),
        strung(func.uuid_send(rows.c.case_id)),
        *(strung(sends(rows.c[f"place_{n}"])) for n in range(len(places))),
    ).group_by(*(rows.c[name] for name in told))


def counts_statement(wanted: QueueFilter) -> Select[Any]:
    """For each case its cell of the tile and its urgency, as one number; all in one string."""
    number: ColumnElement[Any] = Report.quad.op(">>")(bindparam("shift", None, Integer))
    cell = cast(number.op("&")(literal_column(str(GRID * GRID - 1))), Integer)
    both = cell.op("<<")(literal_column(str(URGENCY_BITS))).op("|")(Report.urgency)
    return select(strung(func.int4send(both))).where(*located(wanted))


def strung(sent: ColumnElement[Any]) -> ColumnElement[bytes]:
    """Strings of bytes one after the other."""
    return func.string_agg(sent, literal_column("''::bytea"), type_=BYTEA)


@lru_cache(KEPT_STATEMENTS)
def written(
    wanted: QueueFilter, *, counted: bool, exact: bool = False
) -> tuple[str, dict[str, Any]]:
    """A statement as the database reads it, and its parameters but for those of the tile."""
    statement = counts_statement(wanted) if counted else cases_statement(wanted, exact=exact)
    made = statement.compile(dialect=DIALECT, compile_kwargs={"render_postcompile": True})
    return str(made), dict(made.params)


def parameters_of(z: int, x: int, y: int) -> dict[str, Any]:
    """What a statement must know of a tile."""
    first, last = quads.of_tile(z, x, y)
    return {"first": first, "last": last, "shift": 2 * (quads.BITS - z - GRID_BITS)}


def is_exact(zoom: int, *, counted: bool) -> bool:
    """Whether a zoom is too deep for numbers to say where single cases are."""
    return zoom > mvt.EXACT_BELOW and not counted


def contents_of(rows: Sequence[Row], tile: tuple[int, int, int], *, counted: bool) -> bytes:
    """The tile (zoom, column, row) that a statement's answer makes."""
    return clusters_layer(rows[0][0] or b"") if counted else cases_layer(rows, tile)


def cases_layer(rows: Sequence[Row], tile: tuple[int, int, int]) -> bytes:
    """Each case as a point."""
    if not rows:
        return b""
    known: dict[bytes, int] = {}
    told = [
        [known.setdefault(mvt.value(fact), len(known)) for fact in row[: len(TOLD)]] for row in rows
    ]
    ids, *places = (b"".join(column) for column in list(zip(*rows, strict=True))[len(TOLD) :])
    counts = [len(row[len(TOLD)]) // mvt.UUID_BYTES for row in rows]
    facts = np.repeat(np.array(told, np.int64).T, counts, axis=1)
    numbers = np.arange(len(known), len(known) + facts.shape[1])
    if is_exact(tile[0], counted=False):
        lon, lat = (np.frombuffer(each, ">f8") for each in places)
        at = mvt.placed_at(lon, lat, tile)
    else:
        at = mvt.in_tile(np.frombuffer(places[0], ">i8"), tile[0])
    values: list[bytes | memoryview] = [*known, mvt.uuid_values(ids)]
    return mvt.layer("cases", ("case_id", *TOLD), values, np.vstack((numbers, facts)), at)


def clusters_layer(strung: bytes) -> bytes:
    """How many cases there are in each cell of a tile, and how urgent the most urgent one is."""
    if not strung:
        return b""
    # In order, so the last case of a cell is its most urgent one.
    cases = np.sort(np.frombuffer(strung, ">i4").astype(np.int32))
    cells = cases >> URGENCY_BITS
    last = np.concatenate((np.flatnonzero(cells[1:] != cells[:-1]), [len(cells) - 1]))
    told = np.array((np.diff(last, prepend=-1), cases[last] & (1 << URGENCY_BITS) - 1))
    found = sorted(set(told.ravel().tolist()))
    values = map(mvt.value, found)
    at = mvt.unwoven(cells[last], GRID_BITS) * CELL + CELL // 2
    return mvt.layer("clusters", ("count", "urgency"), values, np.searchsorted(found, told), at)
