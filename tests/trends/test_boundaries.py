"""Series go through a change of boundaries by where reports lie, not by their old codes."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import shapely
from fastapi import FastAPI
from sqlalchemy import Engine, text

from api.accounts.tables import StaffRole
from geo.editions import activate
from geo.features import Reading, WardShape
from geo.load import import_reading
from geo.tables import WardType
from tests.factories import caller, make_officer
from tests.town import SIDE, SOUTH, WEST, Town
from tests.trends.past import LAST, Sent, ordinary, sent

REFORM = dt.date(2026, 10, 1)
NEW_BORDER = SOUTH + 0.75 * SIDE


@pytest.fixture(scope="module")
def reformed(app: FastAPI, engine: Engine, town: Town) -> int:
    """Another edition of the town, with other codes and another border; its id."""
    sent(engine, ordinary(np.random.default_rng(11), weeks=40, south=4, north=2))
    placeless = {"ward": "00001", "confidence": "uncertain", "lon": None, "cell": None}
    sent(engine, [Sent(LAST - dt.timedelta(n % 7)) for n in range(30)], **placeless)
    shapes = {
        "00011": shapely.box(WEST, SOUTH, WEST + SIDE, NEW_BORDER),
        "00012": shapely.box(WEST, NEW_BORDER, WEST + SIDE, SOUTH + 2 * SIDE),
    }
    wards = [
        WardShape(
            code=code,
            name=f"Phường Mới {code}",
            name_en=None,
            type=WardType.WARD,
            province_code="01",
            province_name="Thành phố Hà Nội",
            boundary=shapely.MultiPolygon([shape]),
        )
        for code, shape in shapes.items()
    ]
    made = import_reading(
        engine,
        Reading(wards=wards, crs="EPSG:4326", features=2),
        source="reform",
        attribution="made up",
        approximate=False,
        effective_from=REFORM,
    )
    assert made.edition_id is not None
    with engine.begin() as connection:
        activate(connection, made.edition_id, dt.datetime.now(dt.UTC))
    app.state.refresher.refresh(everything=True)
    return made.edition_id


async def counts(app: FastAPI, engine: Engine, **asked: Any) -> tuple[list[int | None], Any]:
    token = make_officer(engine, None, role=StaffRole.PROVINCE_COMMANDER, province_code="01")
    async with caller(app, token) as client:
        answer = await client.get("/v1/trends", params={"as_of": str(LAST)} | asked)
    assert answer.status_code == 200, answer.text
    return [point["count"] for point in answer.json()["series"]], answer.json()


@contextmanager
def gone_whole(app: FastAPI, engine: Engine) -> Iterator[None]:
    """While it is known that the southern ward went whole into the new one."""
    known = (
        "insert into ward_successions (old_code, new_code, old_name, relation)"
        " values ('00001', '00011', 'x', 'whole')"
    )
    changed(app, engine, known)
    yield
    changed(app, engine, "delete from ward_successions")


def changed(app: FastAPI, engine: Engine, change: str) -> None:
    """Change what there is; what was answered before no longer holds."""
    with engine.begin() as connection:
        connection.execute(text(change))
        connection.execute(text("delete from trend_answers"))
    app.state.refresher.refresh(everything=True)


async def test_a_ward_that_is_new_has_the_past_of_its_land(
    app: FastAPI, engine: Engine, town: Town, reformed: int
) -> None:
    old, told = await counts(app, engine, scope="00001", edition=town.edition_id)
    new, now = await counts(app, engine, scope="00011")

    assert told["edition"]["id"] == town.edition_id
    assert now["edition"]["id"] == reformed
    assert old[:-1] == new[:-1]
    assert sum(each or 0 for each in new) > 500


async def test_reports_without_a_place_go_with_their_ward_where_it_went_whole(
    app: FastAPI, engine: Engine, town: Town, reformed: int
) -> None:
    old, _ = await counts(app, engine, scope="00001", edition=town.edition_id)
    lost, without = await counts(app, engine, scope="00011")

    with gone_whole(app, engine):
        found, with_them = await counts(app, engine, scope="00011")

    assert without["left_out"] == "20-49"
    assert with_them["left_out"] == "<5"
    assert found[-1] == old[-1]
    assert (lost[-1] or 0) < (found[-1] or 0)


async def test_a_ward_of_another_edition_does_not_exist_in_this_one(
    app: FastAPI, engine: Engine, reformed: int
) -> None:
    token = make_officer(engine, None, role=StaffRole.PROVINCE_COMMANDER, province_code="01")

    async with caller(app, token) as client:
        answer = await client.get("/v1/trends", params={"as_of": str(LAST), "scope": "00001"})

    assert answer.status_code == 404


async def test_the_province_is_the_same_by_either_edition(
    app: FastAPI, engine: Engine, town: Town, reformed: int
) -> None:
    with gone_whole(app, engine):
        old, _ = await counts(app, engine, edition=town.edition_id)
        new, _ = await counts(app, engine)

    assert old == new


async def test_two_editions_together_single_out_nobody(
    app: FastAPI, engine: Engine, town: Town, reformed: int
) -> None:
    between = (WEST + SIDE / 2, SOUTH + 0.9 * SIDE)
    monday = LAST - dt.timedelta(6)
    people = [bytes([n]) * 32 for n in range(15)]
    sent(engine, [Sent(monday - dt.timedelta(7 * (3 + n % 5)), between, reporter=key)
                  for n, key in enumerate(people)])  # fmt: skip
    changed(app, engine, "delete from trend_answers")

    old, _ = await counts(app, engine, scope="00001", edition=town.edition_id)
    south, _ = await counts(app, engine, scope="00011")
    north, _ = await counts(app, engine, scope="00012")
    whole, _ = await counts(app, engine)
    changed(app, engine, "delete from reports where substr(reporter_key, 1, 4) ="
                         " substr(reporter_key, 5, 4)")  # fmt: skip

    weeks = [-1 - week for week in range(3, 8)]
    assert all(old[week] for week in weeks)
    assert [south[week] for week in weeks] == [north[week] for week in weeks] == [None] * 5
    assert all(whole[week] for week in weeks)
    assert all(south[week] for week in (-2, -3, -10))
