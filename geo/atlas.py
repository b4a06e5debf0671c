"""An edition's wards and their stations in memory, and keeping the one of the moment at hand."""

import datetime as dt
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, text

from geo.directory import Directory, Stamp, StationInfo, directory_stamp, load_directory
from geo.editions import HANOI, Edition, EditionNotFoundError, in_force
from geo.packed_index import PackedIndex
from geo.plane import Floats
from geo.stored import Stored, WardInfo, positions
from geo.tables import NATIONAL_DESK_ID
from geo.ward_index import NOWHERE, WardIndex

GAP_REACH_M = 50.0
"""A point in a gap of the coverage belongs to the nearest ward up to this far away."""

LONGEST_SUCCESSION = 8
"""Reforms followed from an old code to a present one; more would be a circle."""

PRELOAD = dt.timedelta(minutes=5)
"""How long before its midnight a future edition is read, and how long the one before is kept."""

PAST_EDITIONS = 2
"""How many editions of other times are kept for questions about the past."""


@dataclass(frozen=True, slots=True, eq=False)
class Atlas:
    """What `route` needs to know: one edition, and the directory."""

    edition: Edition
    wards: Mapping[str, WardInfo]
    """By code, in order of the codes."""
    codes: tuple[str, ...]
    """In the same order: the position of a code is how `index` knows the ward."""
    index: WardIndex
    directory: Directory

    @property
    def edition_id(self) -> int:
        """The edition's id."""
        return self.edition.id

    @property
    def effective_from(self) -> dt.date:
        """The day from whose midnight, +07:00, the edition holds."""
        return self.edition.effective_from

    @property
    def approximate(self) -> bool:
        """Whether the boundaries are a demo's guess."""
        return self.edition.approximate

    @property
    def attribution(self) -> str:
        """Whom to name beside the boundaries."""
        return self.edition.attribution

    @property
    def provinces(self) -> Mapping[str, str]:
        """Names by code."""
        return self.directory.provinces

    @property
    def stations(self) -> Mapping[str, StationInfo]:
        """Stations, desks and oversight offices by id."""
        return self.directory.stations

    @property
    def jurisdictions(self) -> Mapping[str, str]:
        """Station ids by ward code; `station_of` also answers for a ward that has none."""
        return self.directory.jurisdictions

    @property
    def aliases(self) -> Mapping[str, str]:
        """Codes by their other codes."""
        return self.directory.aliases

    def ward_in(self, position: int) -> WardInfo:
        """The ward that `index` knows by this position."""
        return self.wards[self.codes[position]]

    def resolve(self, code: str) -> tuple[WardInfo, bool] | None:
        """The ward that a code means now, and whether it got there by succession.

        A code of this edition means itself; else an alias counts, else what the unit became.
        """
        names = {code, self.directory.aliases.get(code, code)}
        for step in range(LONGEST_SUCCESSION):
            if present := sorted(names & self.wards.keys()):
                return self.wards[code if code in present else present[0]], step > 0
            became = {self.directory.successions.get(name, name) for name in names}
            names = became | {self.directory.aliases.get(name, name) for name in became}
        return None

    def knows_province(self, code: str) -> bool:
        """Whether there is such a province."""
        return code in self.provinces or self.desk_of(code) != NATIONAL_DESK_ID

    def station_of(self, ward: WardInfo) -> str:
        """Who answers for a ward: its station, or failing that its province's desk."""
        directory = self.directory
        station = directory.jurisdictions.get(ward.code, "")
        return station if station in directory.stations else self.desk_of(ward.province_code)

    def desk_of(self, province_code: str) -> str:
        """A province's desk, or failing that the national one."""
        desk = f"p-{province_code}"
        return desk if desk in self.stations else NATIONAL_DESK_ID

    def oversight_of(self, province_code: str) -> str:
        """The office that hears complaints about a province's police, or the national desk."""
        office = f"o-{province_code}"
        return office if office in self.stations else NATIONAL_DESK_ID

    def gap_ward(self, lon: float, lat: float) -> tuple[int, float] | None:
        """For a point no ward covers: the nearest ward round its gap, and the metres to it."""
        if not self.index.in_gap(lon, lat):
            return None
        near = self.index.nearest(lon, lat, GAP_REACH_M)
        return near[0] if near else None

    def wards_at(self, lons: Floats, lats: Floats) -> list[str | None]:
        """The ward code of each point, the nearest one for points in a gap; None outside."""
        found = self.positions_at(lons, lats).tolist()
        return [None if at == NOWHERE else self.codes[at] for at in found]

    def positions_at(self, lons: Floats, lats: Floats) -> NDArray[np.int32]:
        """The same, by the position of the ward."""
        found = self.index.wards_at(lons, lats)
        for i in np.flatnonzero(found == NOWHERE).tolist():
            if near := self.gap_ward(float(lons[i]), float(lats[i])):
                found[i] = near[0]
        return found


def build_atlas(
    edition: Edition,
    wards: Iterable[tuple[WardInfo, shapely.Geometry]],
    directory: Directory,
    *,
    gaps: Iterable[shapely.Geometry] = (),
    overlaps: Iterable[tuple[str, str]] | None = None,
) -> Atlas:
    """An atlas of wards in any order, in this process's memory.

    `overlaps` are all pairs of codes that claim the same land; when they are not known, every pair
    of neighbours is tried.
    """
    listed = sorted(wards, key=lambda ward: ward[0].code)
    infos = [info for info, _ in listed]
    pairs = None if overlaps is None else positions(infos, overlaps)
    index = PackedIndex.of([boundary for _, boundary in listed], list(gaps), pairs)
    return _bound(edition, infos, index, directory)


def _bound(
    edition: Edition, infos: Iterable[WardInfo], index: WardIndex, directory: Directory
) -> Atlas:
    wards = {ward.code: ward for ward in infos}
    return Atlas(edition, wards, tuple(wards), index, directory)


def edition_in_force(connection: Connection, at: dt.datetime) -> Edition | None:
    """The edition that holds at `at`; None before the first one."""
    return in_force(connection, at)


def load_atlas(connection: Connection, edition_id: int, folder: Path | None = None) -> Atlas:
    """Read an edition, activated or not, and the directory as it is now.

    The index of the wards comes from a file in `folder`, which is made when it is not there: that
    takes some seconds. Without a folder it is made in this process's memory.
    Raises `EditionNotFoundError` when there is no such edition or it is still loading.
    """
    row = connection.execute(
        text("""
            select id, effective_from, approximate, source, attribution,
                   coalesce(activation, 0) as activation, imported_at,
                   report #> '{overlaps,pairs}' as overlaps
              from boundary_editions
             where id = :id and state <> 'loading'
        """),
        {"id": edition_id},
    ).one_or_none()
    if row is None:
        raise EditionNotFoundError(f"There is no edition {edition_id}.")
    *edition, imported_at, overlaps = row
    stored = Stored(connection, edition_id, imported_at, overlaps)
    infos = stored.wards()
    index = stored.index(infos, folder)
    return _bound(Edition(*edition), infos, index, load_directory(connection))


ACTIVATED = text("""
    select id, effective_from, approximate, source, attribution, activation
      from boundary_editions where state = 'activated' order by effective_from, activation
""")


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    editions: tuple[Edition, ...]
    """Every activated one; of those that have begun, the last holds."""
    atlases: Mapping[int, Atlas]
    turns: tuple[tuple[dt.datetime, Atlas], ...]
    """When each of these atlases begins to hold, in UTC, the last first."""
    directory: Directory
    stamp: Stamp
    refreshed_at: dt.datetime


class Atlases:
    """The atlas in force, kept up to date by one thread and read by any number without waiting.

    Indexes of wards are files in `folder`, shared with other processes.
    """

    def __init__(
        self, engine: Engine, clock: Callable[[], dt.datetime], folder: Path | None = None
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._folder = folder
        self._state: _State | None = None
        self._past: OrderedDict[int, Atlas] = OrderedDict()
        self._refreshing = threading.Lock()
        self._reading_past = threading.Lock()

    @property
    def refreshed_at(self) -> dt.datetime | None:
        """When the database was last asked with success; None before the first time."""
        return None if self._state is None else self._state.refreshed_at

    def current(self, at: dt.datetime) -> Atlas | None:
        """The atlas that holds at `at`, which is about now; None before the first edition.

        A future edition begins to hold exactly at its midnight. One that was activated after that
        holds from the refresh that has read it; until then the one before goes on.
        """
        state = self._state
        if state is None:
            return None
        for begins_at, atlas in state.turns:
            if begins_at <= at:
                return atlas
        return None

    def at(self, at: dt.datetime) -> Atlas | None:
        """The atlas that held, or will hold, at any time. Reads it if need be: blocks."""
        if self._state is None:
            self.refresh()
        state = self._state
        edition = None if state is None else holding(state.editions, at)
        if state is None or edition is None:
            return None
        if edition.id in state.atlases:
            return state.atlases[edition.id]
        with self._reading_past:
            atlas = self._past.pop(edition.id, None)
            if atlas is None:
                with self._engine.connect() as connection:
                    atlas = load_atlas(connection, edition.id, self._folder)
            self._past[edition.id] = atlas
            while len(self._past) > PAST_EDITIONS:
                self._past.popitem(last=False)
        return replace(atlas, edition=edition, directory=state.directory)

    def refresh(self) -> bool:
        """Ask the database what holds, read what is new, swap it in. Says whether anything was."""
        with self._refreshing, self._engine.connect() as connection:
            now = self._clock()
            before = self._state
            editions = tuple(Edition(*row) for row in connection.execute(ACTIVATED))
            stamp = directory_stamp(connection)
            known = before is not None and before.stamp == stamp
            directory = before.directory if before and known else load_directory(connection)
            wanted = {
                edition
                for moment in (now - PRELOAD, now, now + PRELOAD)
                if (edition := holding(editions, moment))
            }
            kept = before.atlases if before else {}
            atlases = {
                edition.id: replace(
                    kept.get(edition.id) or load_atlas(connection, edition.id, self._folder),
                    edition=edition,
                    directory=directory,
                )
                for edition in wanted
            }
            turns = tuple(
                (begins(edition).astimezone(dt.UTC), atlases[edition.id])
                for edition in reversed(editions)
                if edition.id in atlases
            )
            self._state = _State(editions, atlases, turns, directory, stamp, now)
            return not known or kept.keys() != atlases.keys()


def begins(edition: Edition) -> dt.datetime:
    """The midnight from which an edition holds."""
    return dt.datetime.combine(edition.effective_from, dt.time(), HANOI)


def holding(editions: Iterable[Edition], at: dt.datetime) -> Edition | None:
    """Of activated editions in order of date and activation, the one that holds at `at`."""
    return max(
        (edition for edition in editions if begins(edition) <= at),
        key=lambda edition: (edition.effective_from, edition.activation),
        default=None,
    )
