"""One id, many PUTs: one report, one receipt, one answer, for good."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text

from api.app import create_app
from api.local.client import uuid7
from api.secrets import Keys, create_keys
from api.settings import Settings
from bench.idempotency_race import race
from tests.factories import caller
from tests.town import IN_NORTH, IN_SOUTH, load_town, report

ROUNDS, AT_ONCE = 20, 20


def rows_of(engine: Engine, keys: Keys, report_ids: list[Any]) -> list[Any]:
    with engine.connect() as connection:
        return list(
            connection.execute(
                text("""
                    select r.id,
                        count(*) as reports,
                        (select count(*) from acknowledgements a where a.subject = r.id) as told,
                        (select count(*) from audit_events e
                         where e.object_id = r.case_id::text) as audited
                    from reports r where r.id = any(:ids) group by r.id
                """),
                {"ids": [keys.store_id(each) for each in report_ids]},
            )
        )


async def test_of_concurrent_puts_exactly_one_creates_the_report(
    client: httpx.AsyncClient, engine: Engine, keys: Keys
) -> None:
    found = await race(client, rounds=ROUNDS, at_once=AT_ONCE, place=IN_SOUTH)

    assert found.faults == []
    assert found.statuses == {
        201: ROUNDS,
        200: ROUNDS * (AT_ONCE // 2 - 1),
        409: ROUNDS * (AT_ONCE // 2),
    }
    rows = rows_of(engine, keys, found.created)
    assert len(rows) == ROUNDS
    assert {(row.reports, row.told, row.audited) for row in rows} == {(1, 1, 1)}


async def test_two_batches_at_once_and_a_put_make_each_report_once(
    client: httpx.AsyncClient, engine: Engine, keys: Keys
) -> None:
    ids = [uuid7() for _ in range(20)]
    items = [report(IN_SOUTH, text=f"tin {i}") | {"id": str(each)} for i, each in enumerate(ids)]

    forward, backward, single = await asyncio.gather(
        client.post("/v1/reports/batch", json={"items": items}),
        client.post("/v1/reports/batch", json={"items": items[::-1]}),
        client.put(f"/v1/reports/{ids[7]}", json=report(IN_SOUTH, text="tin 7")),
    )

    assert {forward.status_code, backward.status_code} == {200}
    answers = [*forward.json()["items"], *backward.json()["items"]]
    codes = {(each["id"], each["body"]["receipt"]["code"]) for each in answers}
    assert len(codes) == len(ids)
    created = [each["id"] for each in answers if each["status"] == 201]
    created += [str(ids[7])] if single.status_code == 201 else []
    assert sorted(created) == sorted(str(each) for each in ids)
    rows = rows_of(engine, keys, ids)
    assert len(rows) == len(ids)
    assert {(row.reports, row.told, row.audited) for row in rows} == {(1, 1, 1)}


async def test_an_id_twice_in_a_batch_is_one_report(
    client: httpx.AsyncClient, engine: Engine, keys: Keys
) -> None:
    report_id = uuid7()
    item = report(IN_SOUTH) | {"id": str(report_id)}
    other = item | {"text": "Chuyện khác."}

    answer = await client.post("/v1/reports/batch", json={"items": [item, other, item]})

    first, changed, again = answer.json()["items"]
    assert (first["status"], changed["status"], again["status"]) == (201, 409, 200)
    assert again["body"] == first["body"]
    assert changed["problem"]["code"] == "report-id-reused"
    assert changed["body"] is None
    assert len(rows_of(engine, keys, [report_id])) == 1


async def test_an_id_that_a_put_would_refuse_is_refused_in_a_batch_too(
    client: httpx.AsyncClient,
) -> None:
    first_version = "c232ab00-9414-11ec-b3c8-9f6bdeced846"

    alone = await client.put(f"/v1/reports/{first_version}", json=report(IN_SOUTH))
    items = [report(IN_SOUTH) | {"id": first_version}, report(IN_SOUTH) | {"id": str(uuid7())}]
    batch = await client.post("/v1/reports/batch", json={"items": items})

    assert alone.status_code == 422
    refused, taken = batch.json()["items"]
    assert (refused["status"], taken["status"]) == (422, 201)
    assert refused["problem"]["errors"][0]["code"] == alone.json()["errors"][0]["code"]


async def test_another_reporter_with_the_same_report_learns_nothing(
    client: httpx.AsyncClient,
) -> None:
    report_id, body = uuid7(), report(IN_SOUTH, text="Cùng một tin.")
    url = f"/v1/reports/{report_id}"
    first, second = await device_of(client), await device_of(client)
    taken = await client.put(url, json=body, headers=first)

    same_body = await client.put(url, json=body, headers=second)
    other_body = await client.put(url, json=report(IN_NORTH), headers=second)
    nobody = await client.put(url, json=body)
    own_other_body = await client.put(url, json=report(IN_NORTH), headers=first)

    assert taken.status_code == 201
    refused = [same_body, other_body, nobody, own_other_body]
    assert {each.status_code for each in refused} == {409}
    told = [each.json() | {"request_id": None} for each in refused]
    assert all(each == told[0] for each in told)
    code = taken.json()["receipt"]["code"]
    assert not any(code in each.text or "Công an" in each.text for each in refused)


async def device_of(client: httpx.AsyncClient) -> dict[str, str]:
    made = (await client.post("/v1/devices", json={})).json()
    return {"Authorization": f"Bearer {made['token']}"}


@pytest.fixture
async def moving_app(
    own_engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[FastAPI]:
    """A service of its own, whose boundaries may change without troubling other tests."""
    url = own_engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    given = {"mode": "demo", "home": tmp_path_factory.mktemp("home"), "database_url": url}
    settings = Settings.model_validate(given | {"limits": {"factor": 0}})
    create_keys(settings.keys)
    load_town(own_engine, settings.keys)
    made = create_app(settings)
    async with made.router.lifespan_context(made):
        made.state.refresher.refresh(everything=True)
        yield made


async def test_a_replay_after_another_edition_gets_the_first_answer(
    moving_app: FastAPI, own_engine: Engine
) -> None:
    report_id, body = uuid7(), report(IN_SOUTH, text="Trước ngày đổi ranh giới.")
    async with caller(moving_app) as client:
        first = await client.put(f"/v1/reports/{report_id}", json=body)
        town = load_town(own_engine, moving_app.state.settings.keys)
        moving_app.state.refresher.refresh(everything=True)

        again = await client.put(f"/v1/reports/{report_id}", json=body)
        fresh = await client.put(f"/v1/reports/{uuid7()}", json=body)

    assert (first.status_code, again.status_code, fresh.status_code) == (201, 200, 201)
    assert again.json() == first.json()
    assert fresh.json()["routing"]["edition"]["id"] == town.edition_id
    assert again.json()["routing"]["edition"]["id"] != town.edition_id
