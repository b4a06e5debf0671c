"""Tiles of the station's own cases, counted where there is no room for each.

All under the officer's rights: the station and ranges of numbers find the cases in an index,
because under row-level security shapes cannot be looked up.
"""

import datetime as dt
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Float,
    Integer,
    Select,
    Text,
    cast,
    column,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import BYTEA
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from api.accounts.sessions import OfficerIdentity
from api.reports.tables import Report
from api.triage.filters import QueueFilter, conditions
from api.triage.queries import owned_by
from geo import quads

LEAST_ZOOM, MOST_ZOOM = 0, 18
COUNTED_BELOW = 13
"""From this zoom on every case is shown; before, how many there are in each of 64 x 64 cells."""
GRID_BITS = 6
EXTENT = 4096
CELL = EXTENT >> GRID_BITS
MOST_CASES = 10_000
"""Cases shown in one tile; where there are more, the most urgent ones are."""


def located(
    officer: OfficerIdentity, wanted: QueueFilter, now: dt.datetime, z: int, x: int, y: int
) -> list[ColumnElement[bool]]:
    """The station's own cases in a tile that a filter lets through; served by `ix_reports_map`."""
    return [
        owned_by(officer),
        Report.quad.between(*quads.of_tile(z, x, y)),
        *conditions(wanted, officer, now),
    ]


def across(z: int, x: int, y: int) -> ColumnElement[Any]:
    """Where a case lies in the steps of a tile, from its north-west corner."""
    side = float(2**z)
    lon: ColumnElement[float] = func.ST_X(Report.location, type_=Float)
    lat: ColumnElement[float] = func.ST_Y(Report.location, type_=Float)
    north = 1 - func.asinh(func.tan(func.radians(lat)), type_=Float) / func.pi(type_=Float)
    return func.ST_MakePoint(
        func.floor(((lon + 180.0) / 360.0 * side - float(x)) * float(EXTENT)),
        func.floor((north / 2.0 * side - float(y)) * float(EXTENT)),
    )


def cases_statement(
    officer: OfficerIdentity, wanted: QueueFilter, *, now: dt.datetime, z: int, x: int, y: int
) -> Select[Any]:
    """Each case as a point, without anything of its reporter and without times."""
    rows = (
        select(
            cast(Report.case_id, Text).label("case_id"),
            Report.state,
            Report.kind,
            Report.category,
            Report.urgency,
            func.coalesce(Report.due_at < now, False).label("overdue"),
            across(z, x, y).label("shape"),
        )
        .where(*located(officer, wanted, now, z, x, y))
        .order_by(Report.urgency.desc())
        .limit(MOST_CASES)
        .subquery("cases")
    )
    return as_layer("cases").select_from(rows)


def axis(first: int) -> ColumnElement[Any]:
    """Every other bit of a cell's number, from bit `first` on: its column (0) or its row (1)."""
    bits = " | ".join(f"(cell >> {n + first} & {1 << n})" for n in range(GRID_BITS))
    return literal_column(f"(({bits}) * {CELL} + {CELL // 2})::float8")


def counts_statement(
    officer: OfficerIdentity, wanted: QueueFilter, *, now: dt.datetime, z: int, x: int, y: int
) -> Select[Any]:
    """How many cases there are in each cell of a tile, and how urgent the most urgent one is."""
    shift = 2 * (quads.BITS - z - GRID_BITS)
    number: InstrumentedAttribute[int | None] = Report.quad
    cell = number.op(">>")(literal_column(str(shift))).op("&")(literal_column("4095"))
    counted = (
        select(
            cast(cell, Integer).label("cell"),
            cast(func.count(), Integer).label("count"),
            func.max(Report.urgency).label("urgency"),
        )
        .where(*located(officer, wanted, now, z, x, y))
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
    return select(func.ST_AsMVT(whole, name, EXTENT, "shape", type_=BYTEA))


async def case_tile(
    session: AsyncSession,
    officer: OfficerIdentity,
    wanted: QueueFilter,
    *,
    now: dt.datetime,
    tile: tuple[int, int, int],
    counted: bool,
) -> bytes:
    """A tile (zoom, column, row) of one layer: `clusters`, or `cases`."""
    z, x, y = tile
    make = counts_statement if counted else cases_statement
    found = await session.scalar(make(officer, wanted, now=now, z=z, x=x, y=y))
    return bytes(found or b"")
