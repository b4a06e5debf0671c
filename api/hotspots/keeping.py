"""Layers are made when somebody asks or at night, and kept as they were first told."""

import datetime as dt
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, func, select
from sqlalchemy.dialects.postgresql import insert

from api.hotspots import layers, making, reading
from api.hotspots.groups import Group
from api.hotspots.layers import Before, Land, Question
from api.hotspots.tables import HotspotDay, HotspotLayer
from api.trends.keeping import Area
from api.trends.series import centre_wards, sources
from geo.atlas import Atlas
from geo.cell_map import load_cell_map

LANDS_KEPT = 8
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
class Inputs:
    """All that a layer is made of."""

    asked: Asked
    land: Land
    reports: reading.Reports
    excluded: Mapping[str, int]
    """Why reports were left out, and how many; of a ward that is not asked."""
    before: Before | None
    """What was told of the cells the time before."""

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


KEPT = (
    HotspotLayer.answer,
    HotspotLayer.computed_at,
    HotspotLayer.method,
    HotspotLayer.version,
    HotspotLayer.parameters,
)


def kept(connection: Connection, asked: Asked) -> Row[Any] | None:
    """The layer as it was told before."""
    found = select(*KEPT).where(
        *(getattr(HotspotLayer, name) == value for name, value in asked.key.items())
    )
    return connection.execute(found).one_or_none()


def kept_at(connection: Connection, asked: Asked) -> dt.datetime | None:
    """When the layer that was told before was made."""
    found = select(HotspotLayer.computed_at).where(
        *(getattr(HotspotLayer, name) == value for name, value in asked.key.items())
    )
    return connection.scalar(found)


def inputs(
    connection: Connection,
    asked: Asked,
    now: dt.datetime,
    *,
    reports: reading.Reports | None = None,
) -> Inputs:
    """Read what a layer is made of; the reports of all groups may be read already."""
    until = until_of(connection, asked.as_of, now)
    area = asked.area
    provinces = provinces_of(connection, asked.atlas, area.province_code)
    if reports is None:
        reports = reading.read(connection, asked.as_of, until, provinces)
    first = asked.as_of - dt.timedelta(asked.days - 1)
    excluded = {}
    if not area.is_ward:
        excluded = reading.excluded(connection, first, until, provinces, asked.group)
    return Inputs(
        asked,
        land(connection, asked.atlas, area.province_code),
        reports.of(asked.group),
        excluded,
        told_before(connection, asked),
    )


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
    reports = within(found)
    wards = wards_of(reports, asked.atlas)
    if asked.group == Group.SENSITIVE:
        return making.sensitive_answer(
            found.land, reports, wards, question, found.scope_wards, found.excluded
        )
    layer = layers.layer_of(found.land, reports, wards, question)
    return making.answer_of(
        layer,
        found.scope_wards,
        excluded=found.excluded,
        before=found.before,
    )


def within(found: Inputs) -> reading.Reports:
    """The reports up to the day."""
    rows = found.reports.days <= found.asked.as_of.toordinal()
    return found.reports.only(rows)


def wards_of(reports: reading.Reports, atlas: Atlas) -> NDArray[np.int32]:
    """The position of the ward at the centre of each report's cell; -1 where there is none."""
    cells, where = np.unique(reports.cells, return_inverse=True)
    position = {code: at for at, code in enumerate(atlas.codes)}
    codes = centre_wards(cells.astype(np.int64), atlas)
    found = np.array([-1 if code is None else position[code] for code in codes], np.int32)
    return found[where] if len(cells) else np.zeros(0, np.int32)


def keep(connection: Connection, found: Inputs, answer: dict[str, Any]) -> Row[Any]:
    """Keep a layer, unless one was kept meanwhile; the one that holds."""
    connection.execute(
        insert(HotspotLayer)
        .values(
            **found.asked.key,
            method=making.METHOD_NAME,
            version=making.METHOD_VERSION,
            parameters=making.PARAMETERS,
            inputs_sha256=found.reports.digest,
            answer=answer,
            computed_at=func.now(),
        )
        .on_conflict_do_nothing()
    )
    row = kept(connection, found.asked)
    assert row is not None  # noqa: S101 - one of us wrote it
    return row
