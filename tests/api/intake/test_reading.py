"""What can be read as a report, and what is said of what cannot; alone or in a batch."""

from typing import Any

import httpx
import pytest

from api.local.client import uuid7
from tests.api.intake.sending import send
from tests.town import IN_NORTH, IN_SOUTH, report


async def test_swapped_coordinates_are_not_mended_silently(client: httpx.AsyncClient) -> None:
    lon, lat = IN_SOUTH

    answer = await send(client, report((lat, lon)))

    assert answer.status_code == 422
    assert answer.json()["code"] == "coordinates-swapped"
    assert answer.json()["suggestion"] == {"lon": lon, "lat": lat}


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"kind": "gossip"}, "/kind"),
        ({"text": ""}, "/text"),
        ({"text": "a\u0000b"}, "/text"),
        ({"text": "a\u202eb"}, "/text"),
        ({"observed_at": "yesterday"}, "/observed_at"),
        ({"observed_at": "2026-11-22T21:40:00"}, "/observed_at"),
        ({"language": "fr"}, "/language"),
        ({"surprise": 1}, ""),
        ({"place": {"source": "gps"}}, "/place"),
        ({"place": {"lon": 105.0, "source": "pin"}}, "/place"),
        ({"place": {"lon": 181, "lat": 21, "source": "pin"}}, "/place/lon"),
        ({"place": {"lon": True, "lat": 21, "source": "pin"}}, "/place/lon"),
        ({"place": {"lon": 105, "lat": 21, "source": "pin", "accuracy_m": 0}}, "/place/accuracy_m"),
        (
            {"place": {"lon": 105, "lat": 21, "source": "pin", "accuracy_m": 100_001}},
            "/place/accuracy_m",
        ),
    ],
)
async def test_a_malformed_report_is_told_what_to_mend(
    client: httpx.AsyncClient, changed: dict[str, Any], pointer: str
) -> None:
    answer = await send(client, {**report(IN_SOUTH), **changed})

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_a_batch_keeps_the_good_and_explains_the_bad(client: httpx.AsyncClient) -> None:
    good, twice = uuid7(), uuid7()
    items: list[Any] = [
        {"id": str(good), **report(IN_SOUTH)},
        {"id": str(uuid7()), **report(IN_SOUTH), "kind": "gossip"},
        {"id": str(twice), **report(IN_NORTH)},
        {"id": str(twice), **report(IN_NORTH)},
        {"id": str(twice), **report(IN_NORTH, text="Khác.")},
        "nonsense",
    ]

    answer = await client.post("/v1/reports/batch", json={"items": items})

    assert answer.status_code == 200
    got = answer.json()["items"]
    assert [each["status"] for each in got] == [201, 422, 201, 200, 409, 422]
    assert [each["id"] for each in got[:2]] == [str(good), items[1]["id"]]
    assert got[2]["body"] == got[3]["body"]
    assert got[1]["problem"]["errors"][0]["pointer"] == "/kind"


async def test_a_batch_sent_again_is_the_same(client: httpx.AsyncClient) -> None:
    items = [{"id": str(uuid7()), **report(IN_SOUTH)} for _ in range(50)]
    first = (await client.post("/v1/reports/batch", json={"items": items})).json()["items"]

    again = (await client.post("/v1/reports/batch", json={"items": items})).json()["items"]

    assert {each["status"] for each in first} == {201}
    assert {each["status"] for each in again} == {200}
    assert [each["body"] for each in again] == [each["body"] for each in first]


@pytest.mark.parametrize(
    "observed_at",
    ["2026-11-22T21:40:00+23:59", "2026-11-22T21:40:00-18:00", "2026-12-31T23:59:60Z"],
)
async def test_any_offset_of_the_standard_is_taken(
    client: httpx.AsyncClient, observed_at: str
) -> None:
    assert (await send(client, report(IN_SOUTH, observed_at=observed_at))).status_code == 201
