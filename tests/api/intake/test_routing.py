"""Reports in: whose each is, and who is informed of it."""

from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from api.local.client import uuid7
from api.secrets import Keys
from tests.api.intake.sending import send
from tests.town import AT_SEA, ON_BORDER, Town, report


async def test_a_circle_over_a_border_informs_the_neighbour(
    client: httpx.AsyncClient, engine: Engine, keys: Keys, town: Town
) -> None:
    report_id = uuid7()

    got = (await send(client, report(ON_BORDER, accuracy_m=50), report_id)).json()

    assert [each["ward_code"] for each in got["routing"]["candidates"]] == [town.south, town.north]
    assert got["routing"]["confidence"] == "uncertain"
    with engine.connect() as connection:
        informed = connection.scalars(
            text("""
                select i.station_id from case_informed i
                join reports r using (case_id) where r.id = :id
            """),
            {"id": keys.store_id(report_id)},
        ).all()
    owner = got["routing"]["station"]["id"]
    assert {owner, *informed} == {f"w-{town.south}", f"w-{town.north}"}


@pytest.mark.parametrize("accuracy_m", [5e-324, 1e-320, 1e-200, 1e-9])
async def test_the_smallest_circle_is_a_circle(
    client: httpx.AsyncClient, town: Town, accuracy_m: float
) -> None:
    body, report_id = report(ON_BORDER, accuracy_m=accuracy_m), uuid7()

    taken = await send(client, body, report_id)
    repeated = await send(client, body, report_id)

    assert (taken.status_code, repeated.status_code) == (201, 200)
    assert taken.json()["routing"]["station"]["id"] == f"w-{min(town.south, town.north)}"


@pytest.mark.parametrize(
    "about",
    [
        {"kind": "complaint_about_police"},
        {"category": "officer_conduct"},
        {"category": " Officer_Conduct "},
        {"about_station": True},
    ],
)
async def test_a_complaint_about_the_police_never_reaches_the_ward(
    client: httpx.AsyncClient, engine: Engine, keys: Keys, town: Town, about: dict[str, Any]
) -> None:
    report_id = uuid7()

    got = (await send(client, report(ON_BORDER, accuracy_m=50, **about), report_id)).json()

    assert got["routing"]["station"]["id"] == f"o-{town.province}"
    assert got["routing"]["station"]["kind"] == "oversight"
    with engine.connect() as connection:
        informed = connection.scalar(
            text("""
                select count(*) from case_informed i
                join reports r using (case_id) where r.id = :id
            """),
            {"id": keys.store_id(report_id)},
        )
    assert informed == 0


async def test_a_report_at_sea_goes_to_the_desk_of_the_nearest_province(
    client: httpx.AsyncClient, town: Town
) -> None:
    got = (await send(client, report(AT_SEA))).json()

    assert got["routing"]["confidence"] == "outside"
    assert got["routing"]["ward"] is None
    assert got["routing"]["station"]["id"] == f"p-{town.province}"


async def test_a_report_far_abroad_goes_to_the_national_desk(client: httpx.AsyncClient) -> None:
    got = (await send(client, report((2.35, 48.85)))).json()

    assert got["routing"]["station"]["id"] == "vn"


async def test_an_unknown_place_goes_by_what_the_reporter_says(
    client: httpx.AsyncClient, town: Town
) -> None:
    by_ward = report(None, ward_code=town.north)
    by_province = report(None, province_code=town.province)
    nowhere = report(None)

    found = [(await send(client, each)).json() for each in (by_ward, by_province, nowhere)]

    assert [each["routing"]["station"]["id"] for each in found] == [
        f"w-{town.north}",
        f"p-{town.province}",
        "vn",
    ]
    assert [each["routing"]["confidence"] for each in found] == ["uncertain", "unknown", "unknown"]
