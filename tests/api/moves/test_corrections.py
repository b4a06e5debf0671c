"""A case is corrected, and moves where that makes it another station's."""

import uuid
from typing import Any

import httpx
import pytest

from tests.api.moves.police import DESK, NORTH, OVERSIGHT, REASON, SOUTH, Police
from tests.town import IN_NORTH, IN_SOUTH, ON_BORDER


async def correct(police: Police, station: str, case_id: uuid.UUID, **what: Any) -> httpx.Response:
    return await police.step(station, case_id, "correction", reason="Gọi lại hỏi kỹ.", **what)


def pin(where: tuple[float, float], **more: Any) -> dict[str, Any]:
    return {"lon": where[0], "lat": where[1], "source": "pin", **more}


async def test_another_place_is_another_wards(police: Police) -> None:
    report_id, case_id = await police.report(IN_SOUTH, accuracy_m=20.0, note="gần đình")
    await police.step(SOUTH, case_id, "acknowledgement")
    before = police.case(case_id)

    answer = await correct(police, SOUTH, case_id, place=pin(IN_NORTH))

    seen, after = answer.json(), police.case(case_id)
    assert (seen["relation"], seen["state"]) == ("gone", "received")
    assert (after.station_id, after.ward_code, after.lon) == (NORTH, "00002", IN_NORTH[0])
    assert (after.accuracy_m, after.place_source, after.place_note) == (None, "pin", "gần đình")
    assert after.cell_r9 != before.cell_r9
    assert (after.text, after.first_routing) == (before.text, before.routing)
    assert after.routing["rule"] == "contains"
    assert (after.last_station_id, after.register_number) == (SOUTH, None)
    change = seen["events"][-1]["data"]["changes"]["place"]
    assert (change["from"]["accuracy_m"], change["to"]["accuracy_m"]) == (20.0, None)
    assert police.traces(case_id)[2][-1] == "report.corrected"
    told = (await police.phone.get(f"/v1/my/reports/{report_id}")).json()
    assert told["station"]["id"] == NORTH


async def test_a_place_in_the_same_ward_changes_who_is_informed_and_tells_nobody(
    police: Police,
) -> None:
    _, case_id = await police.report(IN_SOUTH)
    await police.step(SOUTH, case_id, "acknowledgement")

    answer = await correct(police, SOUTH, case_id, place=pin(ON_BORDER, accuracy_m=60.0))

    seen, after = answer.json(), police.case(case_id)
    assert (seen["relation"], seen["state"], after.informed) == ("owner", "acknowledged", [NORTH])
    assert (after.station_id, after.confidence) == (SOUTH, "uncertain")
    assert seen["register_number"] is not None
    assert police.traces(case_id)[2] == ["report.received", "report.acknowledged"]


async def test_a_category_brings_its_urgency_and_moves_nothing(police: Police) -> None:
    _, case_id = await police.report(IN_SOUTH, category="ồn ào quá")
    assert police.case(case_id).flags == ["unknown-category"]
    await police.move(SOUTH, case_id, NORTH)

    answer = await correct(police, NORTH, case_id, category="violence")
    again = await correct(police, NORTH, case_id, category="theft", urgency=2)

    assert (answer.json()["category"], answer.json()["urgency"]) == ("violence", 3)
    assert answer.json()["events"][-1]["data"]["changes"] == {
        "category": {"from": "other", "to": "violence"},
        "urgency": {"from": 1, "to": 3},
    }
    assert (again.json()["urgency"], again.json()["relation"]) == (2, "owner")
    assert police.case(case_id).flags == police.case(case_id).routing["flags"] == []
    assert police.case(case_id).routing["rule"] == "transferred"


async def test_what_turns_out_to_be_about_the_police_leaves_the_ward(police: Police) -> None:
    _, case_id = await police.report(ON_BORDER, accuracy_m=60.0)
    assert police.case(case_id).informed == [NORTH]

    answer = await correct(police, SOUTH, case_id, kind="complaint_about_police")

    after = police.case(case_id)
    assert answer.json()["relation"] == "gone"
    assert (after.station_id, after.informed, after.last_station_id) == (OVERSIGHT, [], None)
    for station in (SOUTH, NORTH, DESK):
        seen = await (await police.at(station)).get(f"/v1/cases/{case_id}")
        assert seen.status_code == 404
    refused = await police.step(OVERSIGHT, case_id, "bounce", reason=REASON)
    assert refused.json()["code"] == "station-not-eligible"


async def test_no_correction_brings_back_to_the_ward_what_oversight_has(police: Police) -> None:
    _, complaint = await police.report(IN_SOUTH, kind="complaint_about_police")
    _, tip = await police.report(IN_SOUTH)
    handed = await police.step(SOUTH, tip, "transfer", station_id=OVERSIGHT, reason=REASON)
    assert handed.status_code == 200, handed.text
    north = {"lon": IN_NORTH[0], "lat": IN_NORTH[1], "source": "pin"}

    relabelled = await correct(police, OVERSIGHT, complaint, kind="tip")
    moved = await correct(police, OVERSIGHT, tip, place=north)

    assert relabelled.json()["code"] == "station-not-eligible"
    assert moved.status_code == 200, moved.text
    assert {police.case(each).station_id for each in (complaint, tip)} == {OVERSIGHT}


@pytest.mark.parametrize(
    ("what", "pointer"),
    [
        ({}, ""),
        ({"urgency": 1}, ""),
        ({"category": "noise"}, ""),
        ({"category": "singing"}, "/category"),
        ({"urgency": 4}, "/urgency"),
        ({"kind": "gossip"}, "/kind"),
        ({"place": {"source": "pin"}}, "/place"),
        ({"place": {"source": "unknown", "note": "x"}}, "/place/note"),
        ({"text": "x", "urgency": 3}, ""),
    ],
)
async def test_a_correction_that_corrects_nothing_of_ours_is_refused(
    police: Police, what: dict[str, Any], pointer: str
) -> None:
    _, case_id = await police.report(IN_SOUTH)

    refused = await correct(police, SOUTH, case_id, **what)

    assert refused.status_code == 422
    (error,) = refused.json()["errors"]
    assert error["pointer"] == pointer
    assert error["detail"]
    assert police.case(case_id).version == 1
