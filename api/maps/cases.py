"""Tiles of the station's own cases, counted where there is no room for each.

All under the officer's rights: the station and ranges of numbers find the cases in an index,
because under row-level security shapes cannot be looked up.
"""

from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Float,
    Integer,
    Select,
    Text,
    Uuid,
    bindparam,
    cast,
    column,
    func,
    literal_column,
    make_url,
    select,
)
from sqlalchemy.dialects.postgresql import BYTEA

from api.reports.tables import Report
from api.triage.filters import QueueFilter, conditions
from geo import quads

LEAST_ZOOM, MOST_ZOOM = 0, 18
COUNTED_BELOW = 13
"""From this zoom on every case is shown; before, how many there are in each of 64 x 64 cells."""
GRID_BITS = 6
EXTENT = 4096
CELL = EXTENT >> GRID_BITS
MOST_CASES = 10_000
"""Cases shown in one tile, at the most."""
KEPT_STATEMENTS = 256

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


def across() -> ColumnElement[Any]:
    """Where a case lies in the steps of a tile, from its north-west corner."""
    side, x, y = (bindparam(name, None, Float) for name in ("side", "x", "y"))
    lon: ColumnElement[float] = func.ST_X(Report.location, type_=Float)
    lat: ColumnElement[float] = func.ST_Y(Report.location, type_=Float)
    north = 1.0 - func.asinh(func.tan(func.radians(lat)), type_=Float) / func.pi(type_=Float)
    return func.ST_MakePoint(
        func.floor(((lon + 180.0) / 360.0 * side - x) * float(EXTENT)),
        func.floor((north / 2.0 * side - y) * float(EXTENT)),
    )


def cases_statement(wanted: QueueFilter) -> Select[Any]:
    """Each case as a point, without anything of its reporter and without times."""
    rows = (
        select(
            cast(Report.case_id, Text).label("case_id"),
            Report.state,
            Report.kind,
            Report.category,
            Report.urgency,
            func.coalesce(Report.due_at < func.now(), False).label("overdue"),
            across().label("shape"),
        )
        .where(*located(wanted))
        .limit(literal_column(str(MOST_CASES)))
        .subquery("cases")
    )
    return as_layer("cases").select_from(rows)


def axis(first: int) -> ColumnElement[Any]:
    """Every other bit of a cell's number, from bit `first` on: its column (0) or its row (1)."""
    bits = " | ".join(f"(cell >> {n + first} & {1 << n})" for n in range(GRID_BITS))
    return literal_column(f"(({bits}) * {CELL} + {CELL // 2})::float8")


def counts_statement(wanted: QueueFilter) -> Select[Any]:
    """How many cases there are in each cell of a tile, and how urgent the most urgent one is."""
    number: ColumnElement[Any] = Report.quad.op(">>")(bindparam("shift", None, Integer))
    counted = (
        select(
            cast(number.op("&")(literal_column("4095")), Integer).label("cell"),
            cast(func.count(), Integer).label("count"),
            func.max(Report.urgency).label("urgency"),
        )
        .where(*located(wanted))
        .group_by(literal_column("1"))
        .subquery("counted")
    )
    rows = select(
        counted.c.count, counted.c.urgency, func.ST_MakePoint(axis(0), axis(1)).label("shape")
    ).subquery("clusters")
    return as_layer("clusters").select_from(rows)


def as_layer(name: str) -> Select[Any]:
    """The rows of the subquery of that name as a layer of a vector tile."""
    whole: ColumnElement[Any] = column(name)
    layer: ColumnElement[str] = literal_column(f"'{name}'")
    return select(
        func.ST_AsMVT(whole, layer, literal_column(str(EXTENT)), literal_column("'shape'"),
                      type_=BYTEA)
    )  # fmt: skip


@lru_cache(KEPT_STATEMENTS)
def written(wanted: QueueFilter, *, counted: bool) -> tuple[str, dict[str, Any]]:
    """A statement as the database reads it, and its parameters but for those of the tile."""
    statement = counts_statement(wanted) if counted else cases_statement(wanted)
    made = statement.compile(dialect=DIALECT, compile_kwargs={"render_postcompile": True})
    return str(made), dict(made.params)


def parameters_of(z: int, x: int, y: int) -> dict[str, Any]:
    """What a statement must know of a tile."""
    first, last = quads.of_tile(z, x, y)
    shift = 2 * (quads.BITS - z - GRID_BITS)
    return {
        "first": first, "last": last, "shift": shift, "side": float(1 << z), "x": float(x),
        "y": float(y),
    }  # fmt: skip
