"""Layers are made when somebody asks or at night, and kept as they were first told."""

import datetime as dt
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from api.hotspots import layers, making, reading
from api.hotspots.groups import Group
from api.hotspots.layers import Before, Land, Question
from api.hotspots.tables import HotspotDay, HotspotLayer
from api.trends.keeping import Area
from api.trends.series import sources
from geo import grid
from geo.atlas import Atlas
from geo.cell_map import load_cell_map
from geo.grid import Cells

LANDS_KEPT, EDITIONS_KEPT = 8, 2
_lands: OrderedDict[tuple[int, int, str | None], Land] = OrderedDict()
"""The lands asked for last, by edition, index and province."""


@dataclass(frozen=True)
class Asked:
    """A layer that somebody asks for."""

    area: Area
    days: int
    group: Group
    as_of: dt.date
    atlas: Atlas

    @property
    def question(self) -> Question:
        """The same without where it comes from."""
        return Question(self.area.scope, self.days, self.group, self.as_of)

    @property
    def key(self) -> dict[str, Any]:
        """Of the kept layer."""
        return {
            "scope": self.area.scope,
            "days": self.days,
            "category_group": str(self.group),
            "as_of": self.as_of,
            "edition_id": self.atlas.edition_id,
        }


@dataclass(frozen=True)
class Placed:
    """Cells of reports, in order, and the positions of the wards at their centres."""

    atlas: Atlas
    cells: Cells
    wards: NDArray[np.int32]

    def with_(self, cells: Cells) -> "Placed":
        """The same with these cells, which are in order, as far as they are not among them."""
        others = cells[grid.positions(self.cells, cells) < 0]
        if not len(others):
            return self
        lons, lats = grid.centres(others).T
        found = self.atlas.positions_at(np.ascontiguousarray(lons), np.ascontiguousarray(lats))
        together = np.concatenate([self.cells, others])
        order = np.argsort(together)
        return Placed(self.atlas, together[order], np.concatenate([self.wards, found])[order])


_placed: OrderedDict[tuple[int, int], Placed] = OrderedDict()
"""By edition and index: reports come from where others came from before."""


def wards_at(atlas: Atlas, cells: Cells) -> NDArray[np.int32]:
    """The position of the ward at the centre of each cell, -1 for none; the cells are in order."""
    key = (atlas.edition_id, id(atlas.index))
    before = _placed.get(key) or Placed(atlas, cells[:0], np.zeros(0, np.int32))
    known = _placed[key] = before.with_(cells)
    while len(_placed) > EDITIONS_KEPT:
        _placed.popitem(last=False)
    return known.wards[grid.positions(known.cells, cells)]


@dataclass(frozen=True)
class Read:
    """What the layers of a day and an area are made of: the reports of all groups."""

    atlas: Atlas
    reports: reading.Reports
    left_out: reading.LeftOut

    @cached_property
    def wards(self) -> NDArray[np.int32]:
        """The position of the ward at the centre of each report's cell; -1 where there is none."""
        cells, cell = grid.distinct(self.reports.cells)
        return wards_at(self.atlas, cells)[cell]


@dataclass(frozen=True)
class Inputs:
    """All that a layer is made of."""

    asked: Asked
    land: Land
    read: Read
    before: Before | None
    """What was told of the cells the time before."""

    @cached_property
    def rows(self) -> NDArray[np.bool_]:
        """Which reports are of the group, and not after the day."""
        reports = self.read.reports
        return reports.of(self.asked.group) & (reports.days <= self.asked.as_of.toordinal())

    @cached_property
    def reports(self) -> reading.Reports:
        """The reports that count."""
        return self.read.reports.only(self.rows)

    @property
    def wards(self) -> NDArray[np.int32]:
        """The positions of their wards."""
        return self.read.wards[self.rows]

    @property
    def excluded(self) -> Mapping[str, int]:
        """Why reports were left out, and how many; of a ward that is not asked."""
        first = self.asked.as_of - dt.timedelta(self.asked.days - 1)
        return {} if self.asked.area.is_ward else self.read.left_out.since(first, self.asked.group)

    @property
    def scope_wards(self) -> NDArray[np.int32]:
        """The positions of the scope's wards."""
        area, wards = self.asked.area, self.asked.atlas.wards
        return np.array(
            [
                at
                for at, ward in enumerate(wards.values())
                if area.province_code is None
                or (ward.code == area.scope if area.is_ward else
                    ward.province_code == area.province_code)
            ],
            np.int32,
        )  # fmt: skip


class Kept(NamedTuple):
    """A layer as it is told, and what it was made with."""

    answer: dict[str, Any]
    computed_at: dt.datetime
    method: str
    version: str
    parameters: dict[str, Any]


def kept(connection: Connection, asked: Asked) -> Kept | None:
    """The layer as it was told before."""
    found = select(*(getattr(HotspotLayer, name) for name in Kept._fields)).where(
        *(getattr(HotspotLayer, name) == value for name, value in asked.key.items())
    )
    row = connection.execute(found).one_or_none()
    return None if row is None else Kept(*row)


def kept_at(connection: Connection, asked: Asked) -> dt.datetime | None:
    """When the layer that was told before was made."""
    found = select(HotspotLayer.computed_at).where(
        *(getattr(HotspotLayer, name) == value for name, value in asked.key.items())
    )
    return connection.scalar(found)


def inputs(
    connection: Connection, asked: Asked, now: dt.datetime, *, read: Read | None = None
) -> Inputs:
    """Read what a layer is made of; the reports of all groups may be read already."""
    read = read or reports_of(connection, asked.area, asked.as_of, asked.atlas, now)
    there = land(connection, asked.atlas, asked.area.province_code)
    return Inputs(asked, there, read, told_before(connection, asked))


def reports_of(
    connection: Connection, area: Area, as_of: dt.date, atlas: Atlas, now: dt.datetime
) -> Read:
    """Read the reports of all groups, for all layers of a day and an area."""
    until = until_of(connection, as_of, now)
    provinces = provinces_of(connection, atlas, area.province_code)
    return Read(atlas, *reading.read(connection, as_of, until, provinces))


def provinces_of(
    connection: Connection, atlas: Atlas, province_code: str | None
) -> list[str] | None:
    """The provinces whose reports may lie in one as an edition draws it; None: all."""
    return None if province_code is None else sources(connection, atlas.edition_id, province_code)


def until_of(connection: Connection, as_of: dt.date, now: dt.datetime) -> dt.datetime:
    """Up to when reports count in the layers of a day: whoever asks first decides for all."""
    until = min(now, reading.midnight(as_of + dt.timedelta(1)))
    mine = insert(HotspotDay).values(as_of=as_of, until=until).on_conflict_do_nothing()
    connection.execute(mine)
    found = connection.scalar(select(HotspotDay.until).where(HotspotDay.as_of == as_of))
    assert found is not None  # noqa: S101 - one of us wrote it
    return found


def land(connection: Connection, atlas: Atlas, province: str | None) -> Land:
    """The land of a province, or of the country; the last ones are kept."""
    key = (atlas.edition_id, id(atlas.index), province)
    if (found := _lands.get(key)) is None:
        fine = load_cell_map(connection, atlas, province)
        resolutions = (layers.FINE, layers.COARSE) if province else (layers.COARSE,)
        found = _lands[key] = layers.land_of(atlas, fine, resolutions)
        while len(_lands) > LANDS_KEPT:
            _lands.popitem(last=False)
    return found


def told_before(connection: Connection, asked: Asked) -> Before | None:
    """The newest layer of an earlier day; of a ward's province, whose cells are the ward's."""
    key = asked.key | {"scope": asked.area.province_code or asked.area.scope}
    earlier = (
        select(HotspotLayer.answer, HotspotLayer.as_of)
        .where(
            *(getattr(HotspotLayer, name) == key[name] for name in key if name != "as_of"),
            HotspotLayer.as_of < asked.as_of,
        )
        .order_by(HotspotLayer.as_of.desc())
        .limit(1)
    )
    row = connection.execute(earlier).one_or_none()
    if row is None:
        return None
    places = [each["properties"] for each in row.answer["features"]]
    told = {each["cell"]: each["count_band"] for each in places if each["cell"]}
    return Before(
        row.answer["resolution"],
        row.as_of.toordinal(),
        {cell: band for cell, band in told.items() if band},
        row.answer.get("since", {}),
    )


def made(found: Inputs) -> dict[str, Any]:
    """The answer, of nothing but what was read."""
    asked, question = found.asked, found.asked.question
    if asked.group == Group.SENSITIVE:
        return making.sensitive_answer(
            found.land, found.reports, found.wards, question, found.scope_wards, found.excluded
        )
    layer = layers.layer_of(found.land, found.reports, found.wards, question)
    return making.answer_of(layer, found.scope_wards, excluded=found.excluded, before=found.before)


def keep(connection: Connection, found: Inputs, answer: dict[str, Any]) -> Kept:
    """Keep a layer, unless one was kept meanwhile: then that one holds, and is the answer."""
    made_with: dict[str, Any] = {
        "method": making.METHOD_NAME,
        "version": making.METHOD_VERSION,
        "parameters": making.PARAMETERS,
    }
    computed_at = connection.scalar(
        insert(HotspotLayer)
        .values(
            **found.asked.key,
            **made_with,
            inputs_sha256=found.reports.digest,
            answer=answer,
            computed_at=func.now(),
        )
        .on_conflict_do_nothing()
        .returning(HotspotLayer.computed_at)
    )
    if computed_at is not None:
        return Kept(answer, computed_at, **made_with)
    holds = kept(connection, found.asked)
    assert holds is not None  # noqa: S101 - it was in the way
    return holds
