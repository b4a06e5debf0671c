"""Vector tiles of cases for their own station, and what all tiles have in common."""

import asyncio
import datetime as dt
import gzip
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from api.accounts.tables import ReporterKind
from api.db import lane_connection
from api.maps import cases, drawing
from api.maps.cache import OVERHEAD, Tile, TileCache, pack
from api.maps.cases import cases_statement, counts_statement, parameters_of
from api.maps.repeated import LONGEST_QUESTION, MOST_QUESTIONS, Questions
from api.maps.schemas import CaseTileAsked
from api.reports.tables import Report, State
from api.secrets import token_hash
from api.settings import Settings
from api.triage.filters import QueueFilter
from api.triage.queue import AS_READER
from geo.tables import Station
from tests.factories import NOON, caller, make_officer, make_report, make_station
from tests.mvt import layers, tile_of
from tests.plans import crowded, indexes, literally, nodes, plan_of, scans_a_table
from tests.town import Town


@pytest.fixture
def station(engine: Engine) -> Station:
    """The officer's station."""
    return make_station(engine)


@pytest.fixture
async def officer(
    app: FastAPI, engine: Engine, station: Station
) -> AsyncIterator[httpx.AsyncClient]:
    """A duty officer."""
    async with caller(app, make_officer(engine, station)) as client:
        yield client


@pytest.mark.usefixtures("town")
@pytest.mark.parametrize(
    ("tile", "status"),
    [
        ("3/6/3", 404), ("16/1/1", 404), ("5/32/0", 404), ("5/0/32", 404), ("5/-1/0", 404),
        ("-5/0/0", 404), ("99999999999999/0/0", 404), ("a/0/0", 422), ("5/0.5/0", 422),
        ("5/0/0x", 422), ("5/" + "9" * 5000 + "/0", 422),
    ],
)  # fmt: skip
async def test_there_are_no_other_tiles(
    client: httpx.AsyncClient, officer: httpx.AsyncClient, tile: str, status: int
) -> None:
    assert (await client.get(f"/v1/tiles/wards/{tile}.mvt")).status_code == status
    case_status = 200 if tile in ("3/6/3", "16/1/1") else status
    assert (await officer.get(f"/v1/tiles/cases/{tile}.mvt")).status_code == case_status
    assert (await client.get("/v1/tiles/nothing/5/0/0.mvt")).status_code == 404


async def test_the_tilejson_says_where_the_tiles_are(
    client: httpx.AsyncClient, officer: httpx.AsyncClient, town: Town
) -> None:
    wards = await client.get("/v1/tiles/wards.json")
    cases = await officer.get("/v1/tiles/cases.json?urgency=3&q=ma+túy&clustered=false")
    odd = await client.get("/v1/tiles/wards.json", headers={"Host": "a/b?c"})
    bad = await officer.get("/v1/tiles/cases.json?urgency=4")

    body = wards.json()
    assert body["tilejson"] == "3.0.0"
    assert body["tiles"] == [
        f"http://test/v1/tiles/wards/{{z}}/{{x}}/{{y}}.mvt?edition={town.edition_id}"
    ]
    assert (body["minzoom"], body["maxzoom"], body["attribution"]) == (4, 15, "made up")
    assert [each["id"] for each in body["vector_layers"]] == ["wards"]
    assert odd.json()["tiles"][0].startswith("/v1/tiles/")
    (template,) = cases.json()["tiles"]
    assert template.endswith("?urgency=3&q=ma+t%C3%BAy&clustered=False")
    assert (await officer.get(template.format(z=5, x=25, y=14))).status_code == 200
    assert bad.status_code == 422


def placed(engine: Engine, station: Station, lon: float, lat: float, **facts: Any) -> Report:
    return make_report(engine, station, location=f"SRID=4326;POINT({lon} {lat})", **facts)


async def test_a_station_sees_its_own_open_cases_and_nothing_of_their_reporters(
    officer: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    at = (105.8524, 21.0287)
    own = placed(engine, station, *at, urgency=3, due_at=NOON - dt.timedelta(days=900))
    placed(engine, station, *at, state=State.RESOLVED)
    placed(engine, station, 106.5, 21.0)
    make_report(engine, station, location=None)
    placed(engine, make_station(engine), *at, informed=(station.id,))
    z, x, y = tile_of(*at, 14)

    answer = await officer.get(f"/v1/tiles/cases/{z}/{x}/{y}.mvt")

    found = layers(answer.content)
    assert [each.facts for each in found.pop("cases")] == [
        {
            "case_id": str(own.case_id), "state": "received", "kind": "tip", "category": "noise",
            "urgency": 3, "overdue": True,
        }
    ]  # fmt: skip
    assert found == {}
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("zoom", [0, 9, 14, 15, 18])
async def test_a_case_is_where_it_is(
    officer: httpx.AsyncClient, engine: Engine, station: Station, zoom: int
) -> None:
    lon, lat = 105.8524, 21.0287
    placed(engine, station, lon, lat)
    z, x, y = tile_of(lon, lat, zoom)

    answer = await officer.get(f"/v1/tiles/cases/{z}/{x}/{y}.mvt?clustered=false")

    (feature,) = layers(answer.content)["cases"]
    column, row = feature.lines[0][0]
    deep = tile_of(lon, lat, zoom + 12)
    assert (column, row) == (deep[1] - x * 4096, deep[2] - y * 4096)


async def test_far_out_cases_are_counted_in_cells(
    officer: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    for n in range(5):
        placed(engine, station, 105.8524 + n * 1e-6, 21.0287, urgency=1 + n % 3)
    placed(engine, station, 105.95, 21.0287, category="theft")
    z, x, y = tile_of(105.8524, 21.0287, 9)

    answer = await officer.get(f"/v1/tiles/cases/{z}/{x}/{y}.mvt")
    narrowed = await officer.get(f"/v1/tiles/cases/{z}/{x}/{y}.mvt?category=theft")
    single = await officer.get(f"/v1/tiles/cases/{z}/{x}/{y}.mvt?clustered=false")

    clusters = layers(answer.content)["clusters"]
    assert sorted((each.facts["count"], each.facts["urgency"]) for each in clusters) == [
        (1, 1), (5, 3),
    ]  # fmt: skip
    five = next(each for each in clusters if each.facts["count"] == 5)
    exact = [each.lines[0][0] for each in layers(single.content)["cases"]]
    column, row = five.lines[0][0]
    assert len(exact) == 6
    assert sum(abs(x - column) <= 32 and abs(y - row) <= 32 for x, y in exact) == 5
    assert [each.facts["count"] for each in layers(narrowed.content)["clusters"]] == [1]


async def test_case_tiles_can_be_asked_like_the_queue(
    officer: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    at = (105.8524, 21.0287)
    placed(engine, station, *at, reporter_kind=ReporterKind.ANONYMOUS)
    closed = placed(engine, station, *at, state=State.RESOLVED, text="mua bán ma túy")
    z, x, y = tile_of(*at, 16)
    path = f"/v1/tiles/cases/{z}/{x}/{y}.mvt"

    found = await officer.get(f"{path}?state=any&q=ma+tuy")
    same = await officer.get(
        f"{path}?state=any&q=ma+tuy", headers={"If-None-Match": found.headers["etag"]}
    )

    assert [each.facts["case_id"] for each in layers(found.content)["cases"]] == [
        str(closed.case_id)
    ]
    assert same.status_code == 304
    assert (await officer.get(f"{path}?bbox=1")).status_code == 422


async def news_after(app: FastAPI, station: Station, before: int | None) -> int:
    """Wait until the process has heard of something new at a station."""
    for _ in range(100):
        found: int | None = app.state.hub.news_of(station.id)
        if found not in (None, before):
            return found or 0
        await asyncio.sleep(0.1)
    raise AssertionError


async def test_a_tile_of_cases_is_kept_until_something_happens_at_the_station(
    app: FastAPI, engine: Engine, station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "KEPT_S", 1e9)
    at = (105.8524, 21.0287)
    placed(engine, station, *at)
    news = await news_after(app, station, 0)
    z, x, y = tile_of(*at, 14)
    path = f"/v1/tiles/cases/{z}/{x}/{y}.mvt"
    token, other = make_officer(engine, station), make_officer(engine, make_station(engine))

    async def categories(token: str) -> list[str]:
        async with caller(app, token) as client:
            found = layers((await client.get(path)).content)
        return [each.facts["category"] for each in found.get("cases", [])]

    first = await categories(token)
    silently = "update reports set category = 'theft' where station_id = %(station)s"
    with engine.begin() as connection:
        connection.exec_driver_sql(silently, {"station": station.id})
    kept, others = await categories(token), await categories(other)
    placed(engine, station, *at)
    await news_after(app, station, news)
    renewed = await categories(token)

    assert (first, kept, others) == (["noise"], ["noise"], [])
    assert sorted(renewed) == ["noise", "theft"]


async def test_a_kept_tile_is_for_who_stands_there_now(
    app: FastAPI, engine: Engine, station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "KEPT_S", 1e9)
    placed(engine, station, 105.8524, 21.0287)
    z, x, y = tile_of(105.8524, 21.0287, 14)
    path, token = f"/v1/tiles/cases/{z}/{x}/{y}.mvt", make_officer(engine, station)
    change = (
        "update staff set {} where id ="
        " (select staff_id from staff_sessions where token_hash = %(t)s)"
    )

    async with caller(app, token) as client:
        own = await client.get(path)
        answers = []
        for what in (
            f"station_id = '{make_station(engine).id}'",
            "role = 'admin', station_id = null",
            "disabled_at = now()",
        ):
            with engine.begin() as connection:
                connection.exec_driver_sql(change.format(what), {"t": token_hash(token)})
            answers.append(await client.get(path))

    assert len(layers(own.content)["cases"]) == 1
    moved, demoted, disabled = answers
    assert (moved.status_code, layers(moved.content)) == (200, {})
    assert (demoted.status_code, demoted.json()["code"]) == (403, "role-not-allowed")
    assert (disabled.status_code, disabled.json()["code"]) == (401, "not-authenticated")


async def test_a_tile_drawn_anew_is_for_who_stands_there_now(
    app: FastAPI, engine: Engine, station: Station
) -> None:
    there = make_station(engine)
    for each in (station, there, there):
        placed(engine, each, 105.8524, 21.0287)
    z, x, y = tile_of(105.8524, 21.0287, 14)
    token = make_officer(engine, station)
    asked = "select staff_id from staff_sessions where token_hash = %(t)s"
    with engine.connect() as connection:
        me = connection.exec_driver_sql(asked, {"t": token_hash(token)}).scalar_one()

    async with caller(app, token) as client:
        answers = [await client.get(f"/v1/tiles/cases/{z}/{x}/{y}.mvt")]
        for change in (
            "update staff set station_id = %(there)s where id = %(me)s",
            "update staff set role = 'admin', station_id = null where id = %(me)s",
            "update staff_sessions set expires_at = now() where staff_id = %(me)s",
        ):
            with engine.begin() as connection:
                connection.exec_driver_sql(change, {"me": me, "there": there.id})
            app.state.case_tiles.cache.tiles.clear()
            answers.append(await client.get(f"/v1/tiles/cases/{z}/{x}/{y}.mvt"))

    assert [len(layers(each.content)["cases"]) for each in answers[:2]] == [1, 2]
    assert [each.status_code for each in answers] == [200, 200, 403, 401]


async def test_a_known_question_is_answered_alike_and_to_whoever_may_ask(
    app: FastAPI, officer: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    for category in ("noise", "theft"):
        placed(engine, station, 105.8524, 21.0287, category=category)
    z, x, y = tile_of(105.8524, 21.0287, 14)
    asked = "category=theft&clustered=false"
    path = f"/v1/tiles/cases/{z}/{x}/{y}.mvt?{asked}"
    questions = app.state.case_tiles.questions
    stranger = {"Authorization": "Bearer x"}

    refused = await officer.get(path, headers=stranger)
    unknown = questions.find(asked.encode())
    first = await officer.get(path)
    known = questions.find(asked.encode())
    again = await officer.get(path)
    same = await officer.get(path, headers={"If-None-Match": again.headers["etag"]})
    cookie = {"Authorization": "", "Cookie": "tinbao_session=x"}
    others = [await officer.get(path, headers=each) for each in (stranger, cookie)]
    deep = await officer.get(f"/v1/tiles/cases/19/0/0.mvt?{asked}")
    odd = await officer.get(f"/v1/tiles/cases/{z}/{x}/-{y}.mvt?{asked}")

    assert (refused.status_code, unknown) == (401, None)
    assert known is not None
    assert known.category == ("theft",)
    assert first.content == again.content
    assert [each.facts["category"] for each in layers(again.content)["cases"]] == ["theft"]
    assert first.headers["content-type"] == again.headers["content-type"]
    assert (same.status_code, again.headers["cache-control"]) == (304, "no-store")
    assert [each.status_code for each in others] == [401, 401]
    assert (deep.status_code, odd.status_code) == (404, 404)


def test_so_many_questions_are_remembered_and_no_long_ones() -> None:
    questions, asked = Questions(), CaseTileAsked()

    for n in range(MOST_QUESTIONS + 1):
        questions.keep(b"%d" % n, asked)
    questions.keep(b"q" * (LONGEST_QUESTION + 1), asked)

    assert questions.find(b"%d" % MOST_QUESTIONS) is asked
    assert questions.find(b"0") is None
    assert questions.find(b"q" * (LONGEST_QUESTION + 1)) is None


async def test_who_was_moved_meanwhile_gets_no_tile_of_either_station(
    settings: Settings, engine: Engine, station: Station
) -> None:
    placed(engine, station, 105.8524, 21.0287)
    statement, known = cases.written(QueueFilter(), counted=False)
    parameters = known | parameters_of(*tile_of(105.8524, 21.0287, 14))
    token = token_hash(make_officer(engine, station))
    elsewhere = make_station(engine).id

    async with await lane_connection(settings) as connection:
        asks = [
            drawing.Ask(who, where, statement, parameters)
            for who, where in (
                (token, station.id), (token, elsewhere), (b"nobody", station.id),
                (token, station.id),
            )
        ]  # fmt: skip
        drawn = await drawing.draw_each(connection, asks, idle=settings.session_idle)

    assert [each.fits for each in drawn] == [True, False, None, True]
    assert [bool(each.rows) for each in drawn] == [True, False, False, True]


def test_tiles_of_cases_are_served_by_the_index_of_places(engine: Engine) -> None:
    with crowded(engine, stations=3, reports=9_000) as (connection, station):
        connection.exec_driver_sql(
            "update reports set location = ST_SetSRID(ST_MakePoint(105.8 + random() / 5,"
            " 21 + random() / 5), 4326) where starts_with(station_id, 'w-crowd-')"
        )
        connection.exec_driver_sql("analyze reports")
        connection.execute(AS_READER, {"station": station})
        of_tile = parameters_of(*tile_of(105.9, 21.1, 15))
        for made in (cases_statement, counts_statement):
            statement = made(QueueFilter())
            known = {name: of_tile[name] for name in statement.compile().params if name in of_tile}
            plan = plan_of(connection, literally(connection, statement.params(known)))

            assert "ix_reports_map" in indexes(plan), plan
            assert {each["Node Type"] for each in nodes(plan) if "Index Name" in each} >= {
                "Index Only Scan"
            }, plan
            assert not scans_a_table(plan), plan


def test_the_cache_is_bounded_and_forgets_what_nobody_asks_for() -> None:
    size = 1000 + OVERHEAD
    cache = TileCache(room=3 * size)
    tile = Tile(b"x" * 1000, "tag")

    for n in range(3):
        cache.keep((1, 5, n, 0), tile)
    cache.get((1, 5, 0, 0))
    cache.keep((1, 5, 3, 0), tile)
    cache.keep((1, 5, 3, 0), tile)

    assert list(cache.tiles) == [(1, 5, 2, 0), (1, 5, 0, 0), (1, 5, 3, 0)]
    assert cache.size == 3 * size
    assert cache.get((1, 5, 1, 0)) is None


def test_an_empty_tile_is_still_a_tile() -> None:
    assert gzip.decompress(pack(b"").packed) == b""
