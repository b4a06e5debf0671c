"""Vector tiles of the wards, for everybody."""

import httpx
import pytest
from fastapi import FastAPI
from shapely import Polygon
from sqlalchemy import Engine

from geo import outlines
from tests.mvt import Feature, layers, tile_of
from tests.town import IN_NORTH, IN_SOUTH, Town


async def ward_tile(
    client: httpx.AsyncClient, place: tuple[float, float], zoom: int
) -> list[Feature]:
    z, x, y = tile_of(*place, zoom)
    answer = await client.get(f"/v1/tiles/wards/{z}/{x}/{y}.mvt")
    assert answer.status_code == 200, answer.text
    return layers(answer.content).get("wards", [])


@pytest.mark.parametrize("zoom", [6, 9, 11, 14, 15])
async def test_wards_are_drawn_for_everybody_with_and_without_outlines(
    client: httpx.AsyncClient, app: FastAPI, engine: Engine, town: Town, zoom: int
) -> None:
    raw = await ward_tile(client, IN_SOUTH, zoom)
    outlines.draw(engine, town.edition_id)
    app.state.ward_tiles.cache.tiles.clear()
    drawn = await ward_tile(client, IN_SOUTH, zoom)

    assert town.south in {each.facts["code"] for each in raw}
    for one, other in zip(*(sorted(each, key=code_of) for each in (raw, drawn)), strict=True):
        assert one.facts == other.facts
        assert len(one.lines) == len(other.lines) == 1
        ring, outline = (Polygon(each.lines[0]) for each in (one, other))
        assert ring.exterior.hausdorff_distance(outline.exterior) <= 1.5
        assert ring.exterior.is_ccw == outline.exterior.is_ccw is True
    facts = next(each.facts for each in drawn if each.facts["code"] == town.south)
    assert facts == {
        "code": town.south,
        "name": f"Phường Thử {town.south}",
        "type": "ward",
        "province_code": "01",
    }


def code_of(ward: Feature) -> str:
    return str(ward.facts["code"])


@pytest.mark.usefixtures("town")
async def test_a_ward_tile_is_kept_packed_and_tagged(client: httpx.AsyncClient, town: Town) -> None:
    z, x, y = tile_of(*IN_NORTH, 13)
    path = f"/v1/tiles/wards/{z}/{x}/{y}.mvt"

    packed = await client.get(path)
    plain = await client.get(path, headers={"Accept-Encoding": "gzip;q=0"})
    same = await client.get(path, headers={"If-None-Match": packed.headers["etag"]})
    lasting = await client.get(f"{path}?edition={town.edition_id}")
    stale = await client.get(f"{path}?edition={town.edition_id + 1}")

    assert packed.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    assert (packed.headers["content-encoding"], packed.headers["vary"]) == (
        "gzip",
        "Accept-Encoding",
    )
    assert "content-encoding" not in plain.headers
    assert plain.content == packed.content
    assert (same.status_code, same.content) == (304, b"")
    assert packed.headers["cache-control"] == stale.headers["cache-control"] == "no-cache"
    assert lasting.headers["cache-control"] == "public, max-age=86400"


async def test_a_kept_ward_tile_is_answered_as_the_framework_answers_it(
    app: FastAPI, client: httpx.AsyncClient, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    z, x, y = tile_of(*IN_NORTH, 13)
    path = f"/v1/tiles/wards/{z}/{x}/{y}.mvt"
    drawn = await client.get(f"{path}?edition={town.edition_id}")

    usual = await client.get(f"{path}?edition=0{town.edition_id}")
    monkeypatch.setattr(app.router, "routes", [])
    known = await client.get(f"{path}?edition={town.edition_id}")
    known_to_client = await client.get(path, headers={"If-None-Match": drawn.headers["etag"]})
    elsewhere = await client.get(f"/v1/tiles/wards/{z}/{x + 1}/{y}.mvt")
    monkeypatch.setattr(app.state.atlases, "current", lambda _: None)
    without_boundaries = await client.get(path)

    assert drawn.content == usual.content == known.content
    assert len(layers(known.content)["wards"]) > 0
    for answer in (drawn, usual, known):
        del answer.headers["x-request-id"]
    assert drawn.headers == usual.headers == known.headers
    assert known_to_client.status_code == 304
    assert (elsewhere.status_code, without_boundaries.status_code) == (404, 404)
