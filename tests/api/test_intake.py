"""Reports in: accepted for good, routed, receipted, and never refused for what they are."""

import asyncio
import hashlib
import json
import unicodedata
import uuid
from typing import Any

import httpx
import pytest
import rfc8785
from sqlalchemy import Engine, text

from api.local.client import uuid7
from api.reports import receipts
from api.secrets import Keys, public_text
from tests.town import AT_SEA, IN_NORTH, IN_SOUTH, ON_BORDER, Town, report


@pytest.fixture
def client(unlimited: httpx.AsyncClient) -> httpx.AsyncClient:
    """These tests send more than one person may."""
    return unlimited


async def send(
    client: httpx.AsyncClient,
    body: dict[str, Any],
    report_id: uuid.UUID | None = None,
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    """One report."""
    return await client.put(f"/v1/reports/{report_id or uuid7()}", json=body, headers=headers)


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


@pytest.mark.parametrize(
    "observed_at",
    ["2026-11-22T21:40:00+23:59", "2026-11-22T21:40:00-18:00", "2026-12-31T23:59:60Z"],
)
async def test_any_offset_of_the_standard_is_taken(
    client: httpx.AsyncClient, observed_at: str
) -> None:
    assert (await send(client, report(IN_SOUTH, observed_at=observed_at))).status_code == 201


async def test_twenty_at_once_make_one_report(client: httpx.AsyncClient) -> None:
    report_id = uuid7()
    bodies = [report(IN_SOUTH, text=f"Một việc {i % 2}.") for i in range(20)]

    answers = await asyncio.gather(*(send(client, body, report_id) for body in bodies))

    found = sorted(answer.status_code for answer in answers)
    assert found.count(201) == 1
    assert found.count(200) == 9
    assert found.count(409) == 10
    assert len({a.json()["receipt"]["code"] for a in answers if a.status_code != 409}) == 1
