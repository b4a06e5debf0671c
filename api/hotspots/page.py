"""A layer on one page, to be printed: a map, its legend, and the places that say most."""

import asyncio
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typst
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from api.hotspots.groups import Group
from api.hotspots.schemas import HotspotOut, HotspotsOut
from api.hotspots.shapes import ring
from api.hotspots.words import say
from api.trends.keeping import Area
from geo.atlas import Atlas
from geo.outlines import in_mercator

TEMPLATE = Path(__file__).with_name("map_page.typ")
AT_ONCE = asyncio.Semaphore(2)
WIDTH_MM, HEIGHT_MM = 178.0, 150.0
MOST_ROWS = 8
"""Places in the table: the page is one page."""
COLUMNS = ("Ô", "Phường, xã", "Số người báo", "So với dự kiến (khoảng 95%)", "p", "q", "Nhận định")

Ring = Sequence[Sequence[float]]

OUTLINES = text(f"""
    select ST_AsGeoJSON(ST_Transform(case when cast(:scope as text) is null
        then {in_mercator("outline.zoom_6", 6)} else {in_mercator("outline.zoom_10", 10)} end,
        4326), 4)
    from ward_outlines as outline
    join wards as ward using (edition_id, code)
    where outline.edition_id = :edition and (cast(:scope as text) is null
        or ward.code = :scope or ward.province_code = :scope)
""")  # noqa: S608 - made of constants


async def outlines(session: AsyncSession, atlas: Atlas, area: Area) -> list[Ring]:
    """The borders of an area's wards as rings of lon/lat; none while they are not drawn."""
    scope = None if area.province_code is None else area.scope
    asked = {"edition": atlas.edition_id, "scope": scope}
    rings: list[Ring] = []
    for (shape,) in await session.execute(OUTLINES, asked):
        if shape is None:
            continue
        found = json.loads(shape)
        one = found["type"] == "Polygon"
        polygons = [found["coordinates"]] if one else found["coordinates"]
        rings += [polygon[0] for polygon in polygons]
    return rings


def facts(layer: HotspotsOut, borders: Sequence[Ring], atlas: Atlas, mark: str) -> dict[str, Any]:
    """What stands on the page."""
    group = "sensitive_group" if layer.group == Group.SENSITIVE else str(layer.group)
    cells = [each for each in layer.features if each.properties.cell is not None]
    rings = [ring(each.properties.cell) for each in cells if each.properties.cell is not None]
    on_page = Page.round([*borders, *rings])
    told = [each.properties for each in layer.features if not each.properties.suppressed]
    bands = ("top1", "top5", "top10", "rest")
    return {
        "title": say("title", "vi"),
        "subtitle": f"{layer.name or 'Cả nước'}; {say(group, 'vi').lower()};"
        f" {layer.window.removesuffix('d')} ngày đến {layer.as_of:%d/%m/%Y}",
        "sentence": layer.sentence,
        "caveat": layer.caveat,
        "mark": mark,
        "width": WIDTH_MM,
        "height": on_page.height_mm,
        "outline": [on_page.ring(border) for border in borders],
        "cells": [
            {
                "ring": on_page.ring(shape),
                "band": each.properties.area_band,
                "hotspot": each.properties.is_hotspot,
            }
            for each, shape in zip(cells, rings, strict=True)
        ],
        "bands": [[band, say(band, "vi")] for band in bands],
        "hidden": say("hidden", "vi"),
        "outlined": say("outlined", "vi"),
        "columns": COLUMNS,
        "rows": [row(each, atlas) for each in told[:MOST_ROWS]],
        "accounting": accounting(layer),
    }


def row(place: HotspotOut, atlas: Atlas) -> list[str]:
    """A place in the table."""
    ratio = "" if place.ratio is None else (
        f"{place.ratio:g} lần ({place.ratio_low:g}-{place.ratio_high:g})")  # fmt: skip
    found = [
        words for flag, words in ((place.is_hotspot, "khác thường"), (place.is_rising, "đang tăng"))
        if flag
    ]  # fmt: skip
    ward = atlas.wards.get(place.ward_code)
    return [
        place.cell or "cả phường, xã",
        ward.name if ward else place.ward_code,
        place.reporters_band or "",
        ratio,
        "" if place.p is None else f"{place.p:.2f}",
        "" if place.q is None else f"{place.q:.2f}",
        ", ".join(found) or "trong mức ngẫu nhiên",
    ]


def accounting(layer: HotspotsOut) -> str:
    """How many reports it is made of, and how."""
    left_out = sum(layer.reports_excluded.values())
    return (
        f"Từ {layer.reports_used} tin trở lên được tính, từ {left_out} tin trở lên không được tính;"
        f" người báo: {layer.distinct_reporters}. Chỉ nêu nơi có từ {layer.k_min} người báo trở"
        f" lên. {layer.cells_total} ô; phương pháp {layer.method.name} {layer.method.version};"
        f" ranh giới {layer.edition.effective_from:%d/%m/%Y}."
    )


class Page:
    """Degrees to millimetres from the top left, true to shape at the middle of the map."""

    def __init__(self, west: float, south: float, east: float, north: float) -> None:
        self._west, self._north = west, north
        self._squeeze = math.cos(math.radians((south + north) / 2))
        across, up = max((east - west) * self._squeeze, 1e-9), max(north - south, 1e-9)
        self._scale = min(WIDTH_MM / across, HEIGHT_MM / up)
        self._left = (WIDTH_MM - across * self._scale) / 2
        self.height_mm = round(up * self._scale, 1)

    @classmethod
    def round(cls, rings: Sequence[Ring]) -> "Page":
        """The page that holds these rings."""
        points = [point for ring in rings for point in ring] or [(102.0, 8.0), (110.0, 23.5)]
        lons, lats = [point[0] for point in points], [point[1] for point in points]
        return cls(min(lons), min(lats), max(lons), max(lats))

    def ring(self, ring: Ring) -> list[list[float]]:
        """A ring on the page."""
        return [
            [
                round(self._left + (lon - self._west) * self._squeeze * self._scale, 2),
                round((self._north - lat) * self._scale, 2),
            ]
            for lon, lat, *_ in ring
        ]


async def typeset(page: Mapping[str, Any]) -> bytes:
    """The page as PDF. What is on it is text to the typesetter, whatever it says."""
    given = {"layer": json.dumps(page, ensure_ascii=False)}
    async with AT_ONCE:
        return await asyncio.to_thread(
            typst.compile, str(TEMPLATE), format="pdf", sys_inputs=given, ignore_system_fonts=True
        )
