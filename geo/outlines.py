"""Wards as maps draw them: for each even zoom a shape no finer than anybody could see there."""

import math
from collections.abc import Iterator

from sqlalchemy import Connection, Engine, text

LEVELS = (4, 6, 8, 10, 12, 14)
"""A level serves its own zoom and the next one."""

EQUATOR_M = 2 * math.pi * 6_378_137
TOLERANCE = 1.5 / 4096
"""Of a tile's side. Each level is drawn from the finer one, so a line is at most 4/3 of this away
from the border: half a pixel of a 512-pixel tile at the odd zoom, whose tiles are half as wide."""

BATCH = 100
"""Wards drawn in one transaction, a fraction of a second: while one is open, nobody's inbox goes
further."""

MISSING = text("""
    select w.code from wards w
     where w.edition_id = :edition and not exists (
           select from ward_outlines o where o.edition_id = w.edition_id and o.code = w.code)
     order by w.code
""")

FINISHED = text("""
    select (select count(*) from wards where edition_id = :edition)
         = (select count(*) from ward_outlines where edition_id = :edition)
""")


def tolerance_m(level: int) -> float:
    """How far a level's line may leave the one it is drawn from, in units of EPSG:3857."""
    return TOLERANCE * EQUATOR_M / (1 << level)


def _drawing() -> str:
    """The statement that draws some wards, the finest level first."""
    steps, finer = [], "raw"
    source = "shape"
    for level in reversed(LEVELS):
        simpler = f"ST_Simplify({source}, {tolerance_m(level)!r}) as level_{level}"
        steps.append(f"drawn_{level} as materialized (select *, {simpler} from {finer})")  # noqa: S608
        finer, source = f"drawn_{level}", f"level_{level}"
    columns = ", ".join(f"level_{level}" for level in LEVELS)
    return f"""
        with raw as materialized (
            select code, ST_Transform(boundary, 3857) as shape
              from wards where edition_id = :edition and code = any(cast(:codes as text[]))
        ), {", ".join(steps)}
        insert into ward_outlines (edition_id, code, bounds, {columns})
        select :edition, code, ST_Envelope(shape), {columns} from {finer}
        on conflict do nothing
    """  # noqa: S608 - made of the constants above


DRAW = text(_drawing())


def finished(connection: Connection, edition_id: int) -> bool:
    """Whether every ward of an edition has its outlines."""
    return bool(connection.scalar(FINISHED, {"edition": edition_id}))


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


def batches(codes: list[str]) -> Iterator[list[str]]:
    """A few at a time."""
    for start in range(0, len(codes), BATCH):
        yield codes[start : start + BATCH]
