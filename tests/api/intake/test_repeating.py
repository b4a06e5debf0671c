"""A report that is sent again is the same report, and its id is nobody else's."""

import asyncio
import unicodedata

import httpx

from api.local.client import uuid7
from tests.api.intake.sending import send
from tests.town import IN_SOUTH, report


async def test_the_same_report_again_gets_the_same_answer(client: httpx.AsyncClient) -> None:
    report_id, body = uuid7(), report(IN_SOUTH)
    first = await send(client, body, report_id)

    again = await send(client, body, report_id)

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()


async def test_an_id_with_another_body_is_refused_and_tells_nothing(
    client: httpx.AsyncClient,
) -> None:
    report_id = uuid7()
    await send(client, report(IN_SOUTH), report_id)

    other = await send(client, report(IN_SOUTH, text="Chuyện khác hẳn."), report_id)

    assert other.status_code == 409
    assert other.json()["code"] == "report-id-reused"
    assert set(other.json()) == {
        "type", "title", "status", "detail", "code", "errors", "request_id", "emergency",
    }  # fmt: skip


async def test_an_id_of_another_reporter_is_refused(client: httpx.AsyncClient) -> None:
    report_id, body = uuid7(), report(IN_SOUTH)
    device = (await client.post("/v1/devices", json={})).json()
    await send(client, body, report_id, {"Authorization": f"Bearer {device['token']}"})

    stranger = await send(client, body, report_id)

    assert stranger.status_code == 409


async def test_decomposed_text_is_the_same_report(client: httpx.AsyncClient) -> None:
    report_id = uuid7()
    words = "Nghi có người bán ma túy ở ngõ nhỏ."
    first = await send(client, report(IN_SOUTH, text=words), report_id)

    again = await send(
        client, report(IN_SOUTH, text=unicodedata.normalize("NFD", words)), report_id
    )

    assert again.status_code == 200
    assert again.json() == first.json()


async def test_defaults_spelled_out_are_the_same_report(client: httpx.AsyncClient) -> None:
    report_id, body = uuid7(), report(IN_SOUTH)
    await send(client, body, report_id)

    again = await send(
        client,
        {**body, "about_station": False, "contact": None, "language": "vi", "group_id": None},
        report_id,
    )

    assert again.status_code == 200


async def test_twenty_at_once_make_one_report(client: httpx.AsyncClient) -> None:
    report_id = uuid7()
    bodies = [report(IN_SOUTH, text=f"Một việc {i % 2}.") for i in range(20)]

    answers = await asyncio.gather(*(send(client, body, report_id) for body in bodies))

    found = sorted(answer.status_code for answer in answers)
    assert found.count(201) == 1
    assert found.count(200) == 9
    assert found.count(409) == 10
    assert len({a.json()["receipt"]["code"] for a in answers if a.status_code != 409}) == 1
