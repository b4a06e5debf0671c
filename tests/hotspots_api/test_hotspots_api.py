"""Hotspots over HTTP: who may read which, what counts, and that a layer stays as it was told."""

import datetime as dt
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text

from api.accounts.tables import StaffRole
from tests.factories import caller, make_officer
from tests.town import IN_NORTH, IN_SOUTH, Town
from tests.trends.past import Sent, sent

TODAY = dt.datetime.now(dt.timezone(dt.timedelta(hours=7))).date()
DAY = dt.timedelta(1)
BANDS = {"5-9", "10-19", "20-49", "50+", "5+", "10+", "20+"}
SAID = {"reports_used", "reports_excluded", "distinct_reporters", "coverage", "k_min", "method",
        "cells_total", "hotspots_found", "caveat", "computed_at", "sentence"}  # fmt: skip


@pytest.fixture(scope="module")
def commander(engine: Engine, town: Town) -> str:
    """Whoever commands the town's province."""
    return make_officer(engine, None, role=StaffRole.PROVINCE_COMMANDER, province_code="01")


@pytest.fixture(autouse=True)
def fresh(engine: Engine, town: Town) -> None:
    """No reports and no layers."""
    with engine.begin() as connection:
        connection.execute(text("truncate reports, hotspot_layers, hotspot_days cascade"))


async def answered(app: FastAPI, token: str, **parameters: str) -> Any:
    """What a reader is answered, in English."""
    async with caller(app, token) as client:
        english = {"Accept-Language": "en"}
        return await client.get("/v1/hotspots", params=parameters, headers=english)


async def read(app: FastAPI, token: str, **parameters: str) -> Any:
    """The same, when it is an answer."""
    answer = await answered(app, token, **parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def told(layer: Any) -> list[Any]:
    """The places of a layer that something is told of."""
    return [
        each["properties"] for each in layer["features"] if not each["properties"]["suppressed"]
    ]


def many(count: int, where: tuple[float, float] | None = IN_SOUTH, **facts: Any) -> list[Sent]:
    """So many reports of yesterday, each from somebody else."""
    return [Sent(TODAY - DAY, where, **facts) for _ in range(count)]


async def test_a_layer_has_all_that_is_promised_and_no_exact_count(
    app: FastAPI, engine: Engine, commander: str
) -> None:
    sent(engine, many(23))

    layer = await read(app, commander)

    assert layer.keys() >= SAID
    assert (layer["type"], layer["scope"], layer["window"]) == ("FeatureCollection", "01", "28d")
    assert layer["as_of"] == str(TODAY)
    (place,) = [each for each in told(layer) if each["cell"]]
    assert (place["count_band"], place["reporters_band"]) == ("20-49", "20-49")
    assert place["res"] == 8
    assert place["ward_code"] == "00001"
    assert layer["reports_used"] == 20
    assert "reports, not crimes" in layer["caveat"]


async def test_nothing_unusual_is_a_plain_sentence(app: FastAPI, commander: str) -> None:
    layer = await read(app, commander)

    assert (layer["hotspots_found"], layer["features"]) == (0, [])
    assert layer["sentence"].startswith("Nothing unusual")


@pytest.mark.parametrize("count", [0, 1, 4])
async def test_too_few_reporters_are_not_told_of(
    app: FastAPI, engine: Engine, commander: str, count: int
) -> None:
    sent(engine, many(count))

    for window in ("7d", "28d", "90d"):
        layer = await read(app, commander, window=window)
        assert told(layer) == []
        assert layer["reports_used"] in {0, 5}


async def test_one_device_counts_once(app: FastAPI, engine: Engine, commander: str) -> None:
    sent(engine, many(50, reporter=b"r" * 32))
    sent(engine, many(50, reporter=None))

    layer = await read(app, commander)

    assert told(layer) == []
    assert layer["hotspots_found"] == 0


async def test_what_does_not_count_is_left_out_and_said(
    app: FastAPI, engine: Engine, commander: str
) -> None:
    left_out: dict[str, dict[str, Any]] = {
        "duplicate": {"state": "duplicate"},
        "withdrawn": {"state": "withdrawn"},
        "recorded_by_officers": {"channel": "walk_in"},
        "unverified_place": {"accuracy_m": 5000.0},
    }
    for facts in left_out.values():
        sent(engine, many(5), **facts)
    sent(engine, many(5, None))
    sent(engine, many(12, category="domestic_violence"))
    for facts in (
        {"kind": "complaint_about_police"},
        {"about_station": True},
        {"category": "officer_conduct"},
        {"kind": "group_reconciliation"},
    ):
        sent(engine, many(9), **facts)

    layer = await read(app, commander)

    assert told(layer) == []
    assert layer["reports_used"] == 0
    expected = dict.fromkeys([*left_out, "no_place", "sensitive"], 5) | {"closed_as_false": 0}
    assert layer["reports_excluded"] == expected | {"sensitive": 10}
    assert (await read(app, commander, scope="00001"))["reports_excluded"] == {}


async def test_sensitive_reports_are_told_by_wards_of_a_quarter_from_ten_on(
    app: FastAPI, engine: Engine, commander: str
) -> None:
    sent(engine, many(12, IN_SOUTH, category="domestic_violence"))
    sent(engine, many(9, IN_NORTH, category="sexual_offence"))

    layer = await read(app, commander, group="sensitive")

    (ward,) = told(layer)
    assert (ward["ward_code"], ward["cell"], ward["count_band"]) == ("00001", None, "10-19")
    assert layer["k_min"] == 10
    for window in ("7d", "28d"):
        refused = await answered(app, commander, group="sensitive", window=window)
        assert refused.status_code == 422


async def test_a_layer_stays_as_it_was_told(app: FastAPI, engine: Engine, commander: str) -> None:
    sent(engine, many(12))
    before = await read(app, commander)

    sent(engine, many(30), received_at=dt.datetime.now(dt.UTC))
    again = await read(app, commander)
    wider = await read(app, commander, window="90d")

    assert again == before
    # Whatever comes after the first layer of a day counts in none of that day.
    assert [each["count_band"] for each in told(wider) if each["cell"]] == ["10-19"]


async def test_layers_that_were_kept_with_shapes_are_still_read(
    app: FastAPI, engine: Engine, commander: str
) -> None:
    sent(engine, many(23))
    before = await read(app, commander)
    older = text("""
        update hotspot_layers set computed_at = computed_at - interval '1 second', answer =
            jsonb_set(answer, '{features}', (
                select jsonb_agg(each || jsonb_build_object('type', 'Feature', 'geometry', null,
                    'id', each -> 'properties' -> 'cell'))
                from jsonb_array_elements(answer -> 'features') as each))
    """)
    with engine.begin() as connection:
        connection.execute(older)

    after = await read(app, commander)

    assert after["features"] == before["features"]
    assert after["computed_at"] != before["computed_at"]


async def test_a_band_changes_only_when_five_came_or_went(
    app: FastAPI, engine: Engine, commander: str
) -> None:
    async def band(as_of: dt.date) -> list[str]:
        layer = await read(app, commander, as_of=str(as_of))
        return [each["count_band"] for each in told(layer) if each["cell"]]

    sent(engine, [Sent(TODAY - 4 * DAY) for _ in range(8)])
    assert await band(TODAY - 3 * DAY) == ["5-9"]
    sent(engine, [Sent(TODAY - 2 * DAY) for _ in range(4)])
    assert await band(TODAY - 2 * DAY) == ["5-9"]
    sent(engine, [Sent(TODAY - DAY) for _ in range(9)])
    assert await band(TODAY - DAY) == ["20-49"]


async def test_a_concentration_stands_out_and_a_new_one_rises(
    app: FastAPI, engine: Engine, commander: str
) -> None:
    rng = np.random.default_rng(3)
    spread = [(105.802 + x * 0.016, 21.002 + y * 0.036) for x, y in rng.random((120, 2))]
    sent(engine, [Sent(TODAY - (1 + n % 300) * DAY, where) for n, where in enumerate(spread)])
    sent(engine, [Sent(TODAY - (1 + n % 5) * DAY, (105.8100, 21.0095)) for n in range(60)])

    layer = await read(app, commander, window="7d")

    assert layer["hotspots_found"] >= 1
    best = next(each for each in told(layer) if each["cell"])
    assert best["is_hotspot"]
    assert best["intensity"] == 100
    assert (best["p"], best["q"]) == (0.0, 0.0)
    assert best["ratio_low"] <= best["ratio"] <= best["ratio_high"]
    assert "more reports than chance" in layer["sentence"] or "than chance" in layer["sentence"]


@pytest.mark.parametrize(
    "asked",
    [
        {"as_of": str(TODAY + DAY)},
        {"as_of": "2020-01-01"},
        {"window": "14d"},
        {"window": "28"},
        {"group": "theft"},
        {"as_of": "2026-11-01T10:00"},
        {"edition": "99999"},
    ],
)
async def test_only_fixed_questions_are_answered(
    app: FastAPI, commander: str, asked: dict[str, str]
) -> None:
    answer = await answered(app, commander, **asked)

    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid-request"


async def test_commanders_read_their_own_places_only(
    app: FastAPI, engine: Engine, commander: str
) -> None:
    def officer(station: str | None, role: StaffRole, province: str | None = None) -> str:
        return make_officer(engine, station, role=role, province_code=province)

    country = officer("vn", StaffRole.STATION_CHIEF)
    asked = [
        (commander, {"scope": "00002"}, 200),
        (commander, {"scope": "79"}, 404),
        (commander, {"scope": "vn"}, 404),
        (officer("w-00001", StaffRole.STATION_CHIEF), {}, 403),
        (officer("w-00001", StaffRole.DUTY_OFFICER), {}, 403),
        (officer(None, StaffRole.PROVINCE_COMMANDER, "79"), {"scope": "01"}, 404),
        (country, {}, 200),
    ]
    for token, parameters, status in asked:
        answer = await answered(app, token, **parameters)
        assert answer.status_code == status, (parameters, answer.text)


async def test_a_ward_shows_the_provinces_cells_in_it(
    app: FastAPI, engine: Engine, commander: str
) -> None:
    sent(engine, many(12, IN_SOUTH))
    sent(engine, many(30, IN_NORTH))

    whole = await read(app, commander)
    parts = [await read(app, commander, scope=ward) for ward in ("00001", "00002")]

    def bands(layer: Any) -> dict[str, str]:
        return {each["cell"]: each["count_band"] for each in told(layer) if each["cell"]}

    assert bands(whole) == bands(parts[0]) | bands(parts[1])
    assert set(bands(whole).values()) == {"10-19", "20-49"}
    assert sum(part["cells_total"] for part in parts) == whole["cells_total"]


async def test_each_reading_is_on_record(app: FastAPI, engine: Engine, commander: str) -> None:
    query = text("select count(*) from audit_events where action = 'hotspots.read'"
                 " and object_id = '00001' and scope = '01'")  # fmt: skip
    with engine.connect() as connection:
        before = connection.scalar(query)

    await read(app, commander, scope="00001")
    await read(app, commander, scope="00001")

    with engine.connect() as connection:
        assert connection.scalar(query) == (before or 0) + 2


async def test_bands_are_all_that_counts_are_told_in(
    app: FastAPI, engine: Engine, commander: str
) -> None:
    rng = np.random.default_rng(11)
    spread = [(105.802 + x * 0.016, 21.002 + y * 0.036) for x, y in rng.random((300, 2)) ** 2]
    sent(engine, [Sent(TODAY - (1 + n % 80) * DAY, where) for n, where in enumerate(spread)])

    for window in ("7d", "28d", "90d"):
        layer = await read(app, commander, window=window)
        assert layer["reports_used"] % 5 == 0
        for each in told(layer):
            assert each["count_band"] in BANDS
            assert each["intensity"] is None or each["intensity"] % 5 == 0
            for name in ("p", "q", "gi_z"):
                assert each[name] is None or round(each[name], 2) == each[name]
