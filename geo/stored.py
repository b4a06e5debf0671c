"""An edition's wards as the database has them, and their index."""

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import shapely
from sqlalchemy import Connection, text

from geo.borders import Arrays, Geometries
from geo.index_files import FORMAT, provide
from geo.packed_index import PackedIndex, pack
from geo.ward_index import WardIndex


@dataclass(frozen=True, slots=True)
class WardInfo:
    """A ward as its edition describes it, without its boundary."""

    code: str
    name: str
    name_en: str | None
    type: str
    province_code: str
    province_name: str
    area_m2: float


@dataclass(frozen=True, slots=True)
class Stored:
    """One imported edition."""

    connection: Connection
    edition_id: int
    imported_at: dt.datetime
    overlaps: list[Mapping[str, Any]] | None
    """What the import found: `codes` of each pair of wards that claim the same land."""

    def wards(self) -> list[WardInfo]:
        """In order of their codes."""
        rows = self.connection.execute(
            text("""
                select code, name, name_en, type, province_code, province_name, area_m2
                  from wards where edition_id = :edition order by code collate "C"
            """),
            {"edition": self.edition_id},
        )
        return [WardInfo(*row) for row in rows]

    def index(self, wards: list[WardInfo], folder: Path | None) -> WardIndex:
        """The index of these wards, from a file in `folder` or else in this process's memory."""

        def make() -> Arrays:
            pairs = None if self.overlaps is None else [pair["codes"] for pair in self.overlaps]
            found = None if pairs is None else positions(wards, pairs)
            return pack(self._boundaries(), self._gaps(), found)

        return PackedIndex(make() if folder is None else provide(folder, self._name(wards), make))

    def _name(self, wards: list[WardInfo]) -> str:
        """Tells this import from others that have the same id in another database."""
        content = repr((FORMAT, self.imported_at, [(ward.code, ward.area_m2) for ward in wards]))
        return f"edition-{self.edition_id}-{hashlib.sha256(content.encode()).hexdigest()[:16]}"

    def _boundaries(self) -> Geometries:
        """In order of the codes; one at a time and in binary: as text they are twice as long."""
        query = """
            select ST_AsBinary(boundary) from wards where edition_id = %s order by code collate "C"
        """
        with _driver(self.connection).cursor() as cursor:
            found = [
                shapely.from_wkb(boundary)
                for (boundary,) in cursor.stream(query, [self.edition_id], binary=True)
            ]
        return np.array(found, dtype=np.object_)

    def _gaps(self) -> Geometries:
        found = self.connection.scalars(
            text("select ST_AsBinary(hole) from boundary_gaps where edition_id = :id order by id"),
            {"id": self.edition_id},
        )
        return np.asarray(shapely.from_wkb(np.array(list(found), dtype=np.object_)))


def _driver(connection: Connection) -> psycopg.Connection[Any]:
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)  # noqa: S101 - tells the type checker
    return driver


def positions(wards: Iterable[WardInfo], pairs: Iterable[tuple[str, str]]) -> list[tuple[int, int]]:
    """Pairs of codes as pairs of positions in order of the codes."""
    known = {ward.code: position for position, ward in enumerate(wards)}
    return [(known[one], known[other]) for one, other in pairs]
