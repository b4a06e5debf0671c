"""Cases of the same thing: near in place, time, category and words; explained, and never linked."""

import datetime as dt
import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from api.accounts.sessions import OfficerIdentity
from api.accounts.tables import StaffRole
from api.reports.intake import place_columns
from api.reports.schemas import PlaceIn
from api.reports.tables import Report
from api.triage.suggestions import candidates_statement, likeness, trigrams
from geo.tables import Station
from tests.casework import Desk
from tests.factories import NOON, make_report, make_station
from tests.plans import crowded, literally, plan_of, scans_a_table

LON, LAT = 105.8524, 21.0287
METRE = 1 / 111_000
NOWHERE: dict[str, Any] = {
    "location": None,
    "accuracy_m": None,
    "cell_r9": None,
    "place_source": "unknown",
}
TEXT = "Hai thanh niên đi xe máy giật túi xách của người phụ nữ ở đầu ngõ."


@pytest.fixture
def station(engine: Engine) -> Station:
    """The station of the cases."""
    return make_station(engine)


@pytest.fixture
def desk(app: FastAPI, engine: Engine, station: Station) -> Desk:
    """A duty officer's."""
    return Desk(app, engine, station)


def told(
    engine: Engine,
    station: Station,
    *,
    north_m: float = 0.0,
    after: dt.timedelta = dt.timedelta(),
    accuracy_m: float = 25.0,
    **facts: Any,
) -> Report:
    """A report of one robbery, so far from the place and so long after it."""
    lat = LAT + north_m * METRE
    place = PlaceIn(lon=LON, lat=lat, accuracy_m=accuracy_m, source="gps")
    made = {
        "category": "robbery",
        "text": TEXT,
        "location": f"SRID=4326;POINT({LON} {lat})",
        "accuracy_m": accuracy_m,
        "cell_r9": place_columns(place)["cell_r9"],
        "received_at": NOON + after,
    }
    return make_report(engine, station, **made | facts)


async def suggested(desk: Desk, case: Report, **headers: str) -> list[dict[str, Any]]:
    answer = await desk.http.get(f"/v1/cases/{case.case_id}/suggestions", headers=headers)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def ids(found: list[dict[str, Any]]) -> list[str]:
    return [each["case_id"] for each in found]


async def test_reports_of_one_robbery_are_found_and_others_are_not(
    engine: Engine, station: Station, desk: Desk
) -> None:
    case = told(engine, station)
    hour = dt.timedelta(hours=1)
    same = [
        told(
            engine, station, north_m=30, after=hour / 4, text="Giật túi xách người phụ nữ đầu ngõ"
        ),
        told(engine, station, north_m=80, after=-hour, category="other", text=TEXT.upper()),
    ]
    told(engine, station, north_m=900, after=hour, text="Mất xe đạp trước nhà", category="theft")
    told(engine, station, after=10 * 24 * hour, text="Hát karaoke quá to", category="noise")
    told(engine, station, after=40 * 24 * hour)
    told(engine, make_station(engine))

    found = await suggested(desk, case)

    assert set(ids(found)) == {str(each.case_id) for each in same}
    assert found[0]["score"] >= found[1]["score"] > 0.5
    assert (await desk.see(case))["state"] == "received"


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("vi", ["cách nhau khoảng 60 m", "cách nhau 2 giờ", "cùng loại việc",
                "lời kể giống nhau 100%"]),
        ("en", ["about 60 m apart", "2 hours apart", "of the same category",
                "100% of the words are alike"]),
    ],
)  # fmt: skip
async def test_each_part_is_explained(
    engine: Engine, station: Station, desk: Desk, language: str, words: list[str]
) -> None:
    case = told(engine, station)
    told(engine, station, north_m=60, after=dt.timedelta(hours=2))

    [found] = await suggested(desk, case, **{"Accept-Language": language})

    assert [part["text"] for part in found["parts"]] == words
    assert [part["name"] for part in found["parts"]] == ["place", "time", "category", "words"]
    assert all(0 <= part["score"] <= 1 for part in found["parts"])
    assert found["place"]["lat"] == pytest.approx(LAT + 60 * METRE)


async def test_the_nearer_in_place_and_time_the_likelier(
    engine: Engine, station: Station, desk: Desk
) -> None:
    case = told(engine, station)
    hour = dt.timedelta(hours=1)
    order = [
        told(engine, station, north_m=10),
        told(engine, station, north_m=120),
        told(engine, station, north_m=120, after=6 * hour),
        told(engine, station, north_m=300, after=6 * hour),
    ]

    found = await suggested(desk, case)

    assert ids(found) == [str(each.case_id) for each in order]


async def test_a_vague_circle_says_less_than_a_sharp_one(
    engine: Engine, station: Station, desk: Desk
) -> None:
    case = told(engine, station)
    sharp = told(engine, station, north_m=50)
    vague = told(engine, station, north_m=50, accuracy_m=2000.0)

    found = await suggested(desk, case)

    assert ids(found) == [str(sharp.case_id), str(vague.case_id)]


async def test_a_case_without_a_place_is_compared_within_its_ward(
    engine: Engine, station: Station, desk: Desk
) -> None:
    case = told(engine, station, ward_code="00001", **NOWHERE)
    same = told(engine, station, ward_code="00001")
    told(engine, station, ward_code="00002")

    assert ids(await suggested(desk, case)) == [str(same.case_id)]
    found = {each["case_id"]: each["parts"][0]["text"] for each in await suggested(desk, same)}
    assert found[str(case.case_id)] == "cùng phường, xã"


async def test_of_places_nobody_knows_the_words_and_the_time_speak(
    engine: Engine, station: Station, desk: Desk
) -> None:
    case = told(engine, station, **NOWHERE)
    alike = told(engine, station, **NOWHERE)
    told(engine, station, **NOWHERE, text="Hát karaoke quá to", category="noise")

    [found] = await suggested(desk, case)

    assert found["case_id"] == str(alike.case_id)
    assert found["parts"][0] == {"name": "place", "score": 0, "text": "chưa rõ vị trí"}


async def test_what_work_does_not_go_on_under_is_not_suggested(
    engine: Engine, station: Station, desk: Desk
) -> None:
    case = told(engine, station)
    told(engine, station, state="withdrawn")
    told(engine, station, state="duplicate")
    ended = told(engine, station, state="resolved", closed_at=NOON)
    told(engine, make_station(engine), informed=(station.id,))

    assert ids(await suggested(desk, case)) == [str(ended.case_id)]


async def test_a_suggestion_tells_no_exact_time(
    engine: Engine, station: Station, desk: Desk
) -> None:
    start = NOON.replace(minute=0, second=0, microsecond=0)
    case = told(engine, station, received_at=start)
    told(engine, station, received_at=start + dt.timedelta(minutes=4, seconds=59))

    [found] = await suggested(desk, case)

    assert found["parts"][1]["text"] == "cách nhau 0 phút"
    assert found["parts"][1]["score"] == 1


async def test_looking_for_suggestions_is_on_the_trail(
    engine: Engine, station: Station, desk: Desk
) -> None:
    case = told(engine, station)

    await suggested(desk, case)

    with engine.connect() as connection:
        found = connection.exec_driver_sql(
            "select action, scope from audit_events where object_id = %s", (str(case.case_id),)
        )
        assert [tuple(row) for row in found] == [("suggestions.read", station.id)]


async def test_ten_at_most_out_of_hundreds(engine: Engine, station: Station, desk: Desk) -> None:
    case = told(engine, station)
    for number in range(130):
        told(engine, station, after=dt.timedelta(seconds=number), north_m=number % 7)

    found = await suggested(desk, case)

    assert len(found) == 10
    assert [each["score"] for each in found] == sorted((e["score"] for e in found), reverse=True)


def test_words_are_alike_whatever_their_marks_and_capitals() -> None:
    one, other = trigrams("Mua bán MA TÚY ở đầu ngõ"), trigrams("mua ban ma tuy o dau ngo")

    assert one == other
    assert likeness(one, other) == 1
    assert likeness(one, trigrams("Karaoke hát to")) < 0.2
    assert likeness(trigrams("ma"), trigrams("ma")) < 0.5
    assert likeness(frozenset(), one) == 0


def test_candidates_are_found_by_an_index(engine: Engine) -> None:
    with crowded(engine, stations=200, reports=20_000) as (connection, station):
        officer = OfficerIdentity(uuid.uuid4(), "x", StaffRole.DUTY_OFFICER, station, None)
        case: Any = SimpleNamespace(
            case_id=uuid.uuid4(), lon=None, ward_code=None, received_at=dt.datetime.now(dt.UTC)
        )

        plan = plan_of(connection, literally(connection, candidates_statement(officer, case)))

        assert not scans_a_table(plan), plan
        assert plan["Actual Rows"] == 100
