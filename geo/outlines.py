"""Wards as maps draw them: for each zoom a shape in its steps, no finer than anybody could see.

A step is a 4096th of a tile's side, counted from the map's north-west corner to the right and down.
So the shape of a ward that lies within a tile needs no more than to be moved there.
"""

import math
from collections.abc import Iterator

from sqlalchemy import Connection, Engine, text

ZOOMS = range(4, 16)
STEPS = 4096
"""Across a tile."""

EQUATOR_M = 2 * math.pi * 6_378_137
TOLERANCE = 2.8
"""Steps. A shape is simplified from the one three zooms finer, so a line is at most 8/7 of this
away from the border, and rounding moves a corner by 0.71: less than four steps, half a pixel of a
512-pixel tile."""
FINER = 3

BATCH = 100
"""Wards drawn in one transaction, a second: while one is open, nobody's inbox goes further."""

MISSING = text("""
    select w.code from wards w
     where w.edition_id = :edition and not exists (
           select from ward_outlines o where o.edition_id = w.edition_id and o.code = w.code)
     order by w.code
""")

FINISHED = """
    select (select count(*) from wards where edition_id = %(edition)s)
         = (select count(*) from ward_outlines where edition_id = %(edition)s)
"""
"""In the driver's own style."""

ACTIVATED = text("select id from boundary_editions where state = 'activated' order by id desc")


def step_m(zoom: int) -> float:
    """A step of a zoom in units of EPSG:3857."""
    return EQUATOR_M / (1 << zoom) / STEPS


def in_mercator(column: str, zoom: int) -> str:
    """SQL of a shape of a zoom in EPSG:3857."""
    step, corner = step_m(zoom), EQUATOR_M / 2
    moved = f"ST_Affine({column}, {step!r}, 0, 0, {-step!r}, {-corner!r}, {corner!r})"
    return f"ST_SetSRID({moved}, 3857)"


def _in_steps(column: str, zoom: int) -> str:
    """SQL of a shape in EPSG:3857 in the steps of a zoom: valid, its outer rings as tiles want
    them; empty if it vanishes."""
    each, corner = 1 / step_m(zoom), STEPS * (1 << zoom) / 2
    moved = f"ST_Affine({column}, {each!r}, 0, 0, {-each!r}, {corner!r}, {corner!r})"
    rounded = f"ST_SetSRID(ST_SnapToGrid({moved}, 1), 0)"
    return f"ST_ForcePolygonCCW(ST_CollectionExtract(ST_MakeValid({rounded}), 3))"


def _drawing() -> str:
    """The statement that draws some wards, the finest zooms first."""
    steps, finer = [], "raw"
    for first in reversed(ZOOMS[::FINER]):
        zooms = range(first, first + FINER)
        lines = ", ".join(
            f"ST_Simplify({_source(zoom)}, {TOLERANCE * step_m(zoom)!r}) as line_{zoom}"
            for zoom in zooms
        )
        steps.append(f"drawn_{first} as materialized (select *, {lines} from {finer})")  # noqa: S608
        finer = f"drawn_{first}"
    placed = ", ".join(f"{_in_steps(f'line_{zoom}', zoom)} as zoom_{zoom}" for zoom in ZOOMS)
    columns = ", ".join(f"zoom_{zoom}" for zoom in ZOOMS)
    seen = ", ".join(
        f"case when not ST_IsEmpty(zoom_{zoom}) then zoom_{zoom} end" for zoom in ZOOMS
    )
    return f"""
        with raw as materialized (
            select code, ST_Transform(boundary, 3857) as shape
              from wards where edition_id = :edition and code = any(cast(:codes as text[]))
        ), {", ".join(steps)}, placed as materialized (
            select code, ST_Envelope(shape) as bounds, {placed} from {finer}
        )
        insert into ward_outlines (edition_id, code, bounds, {columns})
        select :edition, code, bounds, {seen} from placed
        on conflict do nothing
    """  # noqa: S608 - made of the constants above


def _source(zoom: int) -> str:
    return f"line_{zoom + FINER}" if zoom + FINER in ZOOMS else "shape"


DRAW = text(_drawing())


def finished(connection: Connection, edition_id: int) -> bool:
    """Whether every ward of an edition has its outlines."""
    return bool(connection.exec_driver_sql(FINISHED, {"edition": edition_id}).scalar_one())


def draw(engine: Engine, edition_id: int) -> int:
    """Draw the wards of an edition that have no outlines yet; how many there were.

    Many short transactions: what one that dies has done stays, and the next goes on.
    """
    with engine.connect() as connection:
        codes = list(connection.scalars(MISSING, {"edition": edition_id}))
    for some in batches(codes):
        with engine.begin() as connection:
            connection.execute(DRAW, {"edition": edition_id, "codes": some})
    return len(codes)


def draw_all(engine: Engine) -> int:
    """`draw` for every edition that holds, held or will hold: an upgrade may have taken them."""
    with engine.connect() as connection:
        editions = list(connection.scalars(ACTIVATED))
    return sum(draw(engine, each) for each in editions)


def batches(codes: list[str]) -> Iterator[list[str]]:
    """A few at a time."""
    for start in range(0, len(codes), BATCH):
        yield codes[start : start + BATCH]
