"""Reading for layers: by which index, by whose borders, and nothing of who reported."""

import datetime as dt
import json
import uuid
from typing import Any

import pytest
import shapely
from fastapi import FastAPI
from sqlalchemy import Engine, text

from api.accounts.tables import StaffRole
from api.clock import now
from api.hotspots import reading
from api.hotspots.routes import ANSWERS
from geo.editions import activate
from geo.features import Reading, WardShape
from geo.load import import_reading
from geo.tables import WardType
from tests.factories import caller, make_officer
from tests.town import IN_NORTH, IN_SOUTH, SIDE, SOUTH, WEST, Town
from tests.trends.past import Sent, sent

TODAY = now().astimezone(dt.timezone(dt.timedelta(hours=7))).date()
DAY = dt.timedelta(1)

CROWD = text("""
insert into reports (id, case_id, state, kind, category, text, about_station, language,
    place_source, accuracy_m, cell_r9, received_at, urgency, station_id, ward_code, province_code,
    confidence, routing, reporter_kind, reporter_key, body_sha256, receipt_hash, receipt_key_id,
    receipt_signature, acknowledgement_id)
select gen_random_uuid(), gen_random_uuid(), 'received', 'tip', 'theft', repeat('x', 400), false,
    'vi', 'gps', 20, 617000000000000000 + n % 5000, now() - n * interval '20 minutes', 1, 'vn',
    '00001', lpad((n % 34)::text, 2, '0'), 'certain', '{}', 'device',
    uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()), '',
    uuid_send(gen_random_uuid()), 'k', '', gen_random_uuid()
from generate_series(1, 20000) n
""")


@pytest.fixture(autouse=True)
def fresh(engine: Engine, town: Town) -> None:
    """No reports and no layers."""
    with engine.begin() as connection:
        connection.execute(text("truncate reports, hotspot_layers, hotspot_days cascade"))


@pytest.fixture(scope="module")
def commander(engine: Engine, town: Town) -> str:
    """Whoever commands the town's province."""
    return make_officer(engine, None, role=StaffRole.PROVINCE_COMMANDER, province_code="01")


async def read(app: FastAPI, token: str, **parameters: Any) -> Any:
    """What a reader is answered."""
    async with caller(app, token) as client:
        answer = await client.get("/v1/hotspots", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """A plan's nodes, from the top."""
    return [plan, *(node for part in plan.get("Plans", []) for node in nodes(part))]


def test_a_province_is_read_from_the_index_alone(engine: Engine) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(CROWD)
        connection.execute(text("vacuum (analyze) reports"))
        explained = text(f"explain (format json) {reading.READ.text}")
        asked = {
            "since": now() - 90 * DAY,
            "until": now(),
            "provinces": ["01"],
            "ward": None,
            "groups": [str(group) for group in reading.GROUPS],
        }

        (found,) = connection.execute(explained, asked).scalar_one()

    of_reports = [
        (node["Node Type"], node.get("Index Name"))
        for node in nodes(found["Plan"])
        if node.get("Relation Name") == "reports"
    ]
    assert of_reports == [("Index Only Scan", "ix_reports_hotspots")]


async def test_no_layer_holds_a_reporter_a_report_or_a_case(
    app: FastAPI, engine: Engine, commander: str
) -> None:
    reporters = [uuid.uuid4().bytes * 2 for _ in range(12)]
    sent(engine, [Sent(TODAY - DAY, IN_SOUTH, reporter=each) for each in reporters])

    layer = json.dumps(await read(app, commander))

    with engine.connect() as connection:
        rows = connection.execute(text("select id, case_id, receipt_hash from reports")).all()
        kept = str(connection.execute(text("select * from hotspot_layers")).all())
    secrets = [each.hex() for each in reporters]
    for row in rows:
        secrets += [str(row.id), row.id.hex, str(row.case_id), row.receipt_hash.hex()]
    assert [each for each in secrets if each in layer or each in kept] == []
    assert str(int.from_bytes(reporters[0][:8])) not in layer + kept


async def test_a_ward_of_another_edition_has_the_reports_of_its_own_land(
    app: FastAPI, engine: Engine, town: Town, commander: str
) -> None:
    sent(engine, [Sent(TODAY - DAY, IN_SOUTH) for _ in range(12)])
    sent(engine, [Sent(TODAY - DAY, IN_NORTH) for _ in range(24)])
    whole = shapely.box(WEST, SOUTH, WEST + SIDE, SOUTH + 2 * SIDE)
    ward = WardShape(
        code="00009",
        name="Phường Hợp Nhất",
        name_en=None,
        type=WardType.WARD,
        province_code="01",
        province_name="Thành phố Hà Nội",
        boundary=shapely.MultiPolygon([whole]),
    )
    made = import_reading(
        engine,
        Reading(wards=[ward], crs="EPSG:4326", features=1),
        source="one",
        attribution="made up",
        approximate=False,
        effective_from=dt.date(2024, 7, 1),
    )
    assert made.edition_id is not None
    with engine.begin() as connection:
        activate(connection, made.edition_id, now())

    merged = await read(app, commander, scope="00009", edition=made.edition_id)
    south = await read(app, commander, scope="00001")

    def bands(layer: Any) -> list[str]:
        places = [each["properties"] for each in layer["features"]]
        return sorted(each["count_band"] for each in places if each["cell"] and each["count_band"])

    assert (merged["edition"]["id"], bands(merged)) == (made.edition_id, ["10-19", "20-49"])
    assert (south["edition"]["id"], bands(south)) == (town.edition_id, ["10-19"])


async def test_a_hidden_cell_stays_hidden_until_five_came(
    app: FastAPI, engine: Engine, commander: str
) -> None:
    async def bands(as_of: dt.date, **asked: str) -> list[str]:
        layer = await read(app, commander, as_of=str(as_of), **asked)
        places = [each["properties"] for each in layer["features"]]
        return [each["count_band"] for each in places if each["cell"] and each["count_band"]]

    sent(engine, [Sent(TODAY - 9 * DAY) for _ in range(4)])
    assert await bands(TODAY - 9 * DAY) == []
    for back in (8, 7, 6, 5):  # one a day
        sent(engine, [Sent(TODAY - back * DAY)])
        assert await bands(TODAY - back * DAY) == []
        assert await bands(TODAY - back * DAY, scope="00001") == []
    sent(engine, [Sent(TODAY - 4 * DAY)])

    assert await bands(TODAY - 4 * DAY) == ["5-9"]
    assert await bands(TODAY - 4 * DAY, scope="00001") == ["5-9"]


async def test_an_answer_is_packed_and_named(app: FastAPI, engine: Engine, commander: str) -> None:
    sent(engine, [Sent(TODAY - DAY) for _ in range(12)])
    async with caller(app, commander) as client:
        first = await client.get("/v1/hotspots")
        known = {"If-None-Match": first.headers["ETag"]}
        again = await client.get("/v1/hotspots", headers=known)
        plain = await client.get("/v1/hotspots", headers={"Accept-Encoding": "identity"})
        english = await client.get("/v1/hotspots", headers=known | {"Accept-Language": "en"})
        ANSWERS.tiles.clear()
        as_kept = await client.get("/v1/hotspots", headers=known)

    assert (first.headers["Content-Encoding"], again.status_code) == ("gzip", 304)
    assert as_kept.status_code == 304
    assert (plain.json(), "Content-Encoding" in plain.headers) == (first.json(), False)
    assert english.status_code == 200
