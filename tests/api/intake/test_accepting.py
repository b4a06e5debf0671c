"""Reports in: accepted for good, receipted, and never refused for what they are."""

import hashlib
import json

import httpx
import pytest
import rfc8785
from sqlalchemy import Engine, text

from api.local.client import uuid7
from api.reports import receipts
from api.secrets import Keys, public_text
from tests.api.intake.sending import send
from tests.town import IN_SOUTH, Town, report


async def test_a_report_gets_its_station_its_receipt_and_an_acknowledgement(
    client: httpx.AsyncClient, town: Town
) -> None:
    report_id = uuid7()

    answer = await send(client, report(IN_SOUTH), report_id)

    assert answer.status_code == 201
    got = answer.json()
    assert got["id"] == str(report_id)
    assert got["state"] == "received"
    assert got["received_at"].endswith("+07:00")
    assert got["routing"]["station"]["id"] == f"w-{town.south}"
    assert got["routing"]["ward"]["code"] == town.south
    assert got["routing"]["confidence"] == "certain"
    assert got["acknowledgement"]["kind"] == "report.received"
    assert got["routing"]["station"]["name"] in got["acknowledgement"]["text"]
    assert got["emergency"] is None
    groups = got["receipt"]["code"].split("-")
    assert [len(group) for group in groups] == [4, 4, 4, 4]


async def test_everything_of_a_report_is_committed_together(
    client: httpx.AsyncClient, engine: Engine, keys: Keys, town: Town
) -> None:
    report_id = uuid7()

    await send(client, report(IN_SOUTH), report_id)

    with engine.connect() as connection:
        row = connection.execute(
            text("""
                select r.station_id, r.cell_r9,
                    (select count(*) from case_events e where e.case_id = r.case_id),
                    (select count(*) from audit_events a where a.object_id = r.case_id::text),
                    (select count(*) from acknowledgements k where k.subject = r.id)
                from reports r where r.id = :id
            """),
            {"id": keys.store_id(report_id)},
        ).one()
    assert row.station_id == f"w-{town.south}"
    assert row.cell_r9 is not None
    assert tuple(row[2:]) == (1, 1, 1)


async def test_the_receipt_verifies_without_us_and_notices_a_change(
    client: httpx.AsyncClient, keys: Keys
) -> None:
    body = report(IN_SOUTH)
    got = (await send(client, body)).json()
    public = public_text(keys.signing.public_key())
    filled = {
        "observed_at": None, "about_station": False, "group_id": None, "contact": None,
        "language": "vi",
    }  # fmt: skip
    place = {"accuracy_m": None, "ward_code": None, "province_code": None, "note": None}
    canonical = rfc8785.dumps({**filled, **body, "place": {**place, **body["place"]}})

    receipts.verify(got, public)

    assert got["receipt"]["body_sha256"] == hashlib.sha256(canonical).hexdigest()
    with pytest.raises(ValueError, match="changed"):
        receipts.verify({**got, "received_at": "2026-01-01T00:00:00+07:00"}, public)


async def test_an_unknown_category_is_kept_with_its_word(
    client: httpx.AsyncClient, engine: Engine, keys: Keys
) -> None:
    report_id = uuid7()

    answer = await send(client, report(IN_SOUTH, category="trom_cho"), report_id)

    assert answer.status_code == 201
    with engine.connect() as connection:
        row = connection.execute(
            text("select category, category_word, flags from reports where id = :id"),
            {"id": keys.store_id(report_id)},
        ).one()
    assert (row.category, row.category_word) == ("other", "trom_cho")
    assert "unknown-category" in row.flags


@pytest.mark.parametrize("group", ["0191f3a0-5b7c-4d8e-9f00-112233445566", "tổ 5"])
async def test_an_unknown_group_is_flagged_and_the_report_kept(
    client: httpx.AsyncClient, engine: Engine, keys: Keys, group: str
) -> None:
    report_id = uuid7()

    answer = await send(client, report(IN_SOUTH, group_id=group), report_id)

    assert answer.status_code == 201
    with engine.connect() as connection:
        flags = connection.scalar(
            text("select flags from reports where id = :id"), {"id": keys.store_id(report_id)}
        )
    assert "unknown-group" in flags


async def test_danger_is_answered_with_a_number_to_call(client: httpx.AsyncClient) -> None:
    fire = await send(
        client, report(IN_SOUTH, category="fire_hazard"), None, {"Accept-Language": "en"}
    )

    assert fire.json()["emergency"]["call"] == "114"
    assert "114" in fire.json()["emergency"]["text"]


async def test_contacts_are_stored_sealed(
    client: httpx.AsyncClient, engine: Engine, keys: Keys
) -> None:
    report_id = uuid7()
    contact = {"name": "Trần Thị Chim Yến", "phone": "+84 900 000 001"}

    await send(client, report(IN_SOUTH, contact=contact), report_id)

    with engine.connect() as connection:
        sealed = connection.scalar(
            text("""
                select s.sealed from sealed_contacts s
                join reports r using (case_id) where r.id = :id
            """),
            {"id": keys.store_id(report_id)},
        )
    assert json.dumps(contact)[2:20].encode() not in sealed
    assert contact["phone"].encode() not in sealed
    assert len(sealed) > 1100
