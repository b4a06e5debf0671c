"""A layer taken away: tables, a page to print, tiles. The same figures, marked and on record."""

import csv
import io
import math
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pypdf
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text

from api.accounts.tables import StaffRole
from tests.factories import caller, make_officer
from tests.hotspots_api.test_hotspots_api import many
from tests.mvt import layers
from tests.town import IN_SOUTH, Town
from tests.trends.past import sent


@pytest.fixture(scope="module")
def commander(engine: Engine, town: Town) -> str:
    """Whoever commands the town's province, with 23 reporters in one place of it."""
    sent(engine, many(23))
    return make_officer(engine, None, role=StaffRole.PROVINCE_COMMANDER, province_code="01")


async def taken(app: FastAPI, token: str, path: str, **asked: str) -> Any:
    """An answer with a file."""
    async with caller(app, token) as client:
        answer = await client.get(path, params=asked)
    assert answer.status_code == 200, answer.text
    return answer


async def test_a_table_has_the_places_and_who_took_it_on_each_line(
    app: FastAPI, engine: Engine, commander: str
) -> None:
    answer = await taken(app, commander, "/v1/exports/hotspots.csv", window="7d")

    lines = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert [line["count_band"] for line in lines if line["cell"]] == ["20-49"]
    assert all(line["ward_name"] for line in lines if line["cell"])
    assert all(line["export"].startswith("TinBáo ") for line in lines)
    assert "attachment" in answer.headers["Content-Disposition"]
    with engine.connect() as connection:
        query = text("select count(*) from audit_events where action = 'hotspots.exported'")
        assert connection.scalar(query)


@pytest.mark.parametrize("kind", ["xlsx", "geojson"])
async def test_other_files_are_whole(app: FastAPI, commander: str, kind: str) -> None:
    answer = await taken(app, commander, f"/v1/exports/hotspots.{kind}")

    if kind == "xlsx":
        assert answer.content.startswith(b"PK")
    else:
        assert answer.json()["export"].startswith("TinBáo ")
        assert answer.json()["features"]


@pytest.mark.parametrize("group", ["all", "violence", "sensitive"])
async def test_the_page_is_one_page_in_vietnamese(app: FastAPI, commander: str, group: str) -> None:
    answer = await taken(app, commander, "/v1/exports/hotspots.pdf", group=group)

    page = pypdf.PdfReader(io.BytesIO(answer.content))
    words = " ".join(page.pages[0].extract_text().split())
    assert len(page.pages) == 1
    assert "Nơi tập trung tin báo" in words
    assert "không phải tội phạm" in words
    assert ("20-49" in words) == (group == "all")


async def test_tiles_say_what_the_layer_says(app: FastAPI, commander: str) -> None:
    lon, lat = IN_SOUTH
    z = 12
    x, y = tile_at(lon, lat, z)

    answer = await taken(app, commander, f"/v1/tiles/hotspots/{z}/{x}/{y}.mvt")

    found = layers(answer.content)["hotspots"]
    assert [each.facts.get("count_band") for each in found].count("20-49") == 1
    assert all(each.facts.keys() <= {
        "cell", "ward_code", "count_band", "area_band", "intensity", "is_hotspot", "is_rising",
        "suppressed"} for each in found)  # fmt: skip


async def test_the_tilejson_names_the_tiles_of_one_layer(app: FastAPI, commander: str) -> None:
    lon, lat = IN_SOUTH
    x, y = tile_at(lon, lat, 12)

    described = (await taken(app, commander, "/v1/tiles/hotspots.json", window="7d")).json()

    (template,) = described["tiles"]
    asked = dict(parse_qsl(urlsplit(template).query))
    assert asked.keys() == {"scope", "window", "group", "as_of", "edition"}
    assert (asked["scope"], asked["window"]) == ("01", "7d")
    path = template.removeprefix("http://test").format(z=12, x=x, y=y)
    answer = await taken(app, commander, path)
    (layer,) = described["vector_layers"]
    drawn = layers(answer.content)[layer["id"]]
    assert drawn
    assert all(each.facts.keys() <= layer["fields"].keys() for each in drawn)


def tile_at(lon: float, lat: float, z: int) -> tuple[int, int]:
    """Column and row of the tile of a place."""
    north = 1 - math.asinh(math.tan(math.radians(lat))) / math.pi
    return int((lon + 180) / 360 * 2**z), int(north / 2 * 2**z)
