"""A case is transferred. One station owns it at any time."""

import asyncio
import uuid
from typing import Any

import pytest
from sqlalchemy import text

from geo.tables import StationKind
from tests import town as places
from tests.api.moves.police import DESK, NATION, NORTH, OVERSIGHT, REASON, SOUTH, Police
from tests.factories import make_station
from tests.town import IN_SOUTH


async def test_a_transfer_hands_the_case_over_and_the_sender_goes_on_seeing_it(
    police: Police,
) -> None:
    report_id, case_id = await police.report(IN_SOUTH)
    await police.step(SOUTH, case_id, "acknowledgement")
    await police.step(SOUTH, case_id, "claim")
    await police.step(SOUTH, case_id, "assignment", username=None)
    before = police.case(case_id)

    answer = await police.move(SOUTH, case_id, NORTH)

    seen = answer.json()
    assert (answer.status_code, seen["relation"], seen["state"]) == (200, "informed", "received")
    assert (seen["register_number"], seen["came_from"]) == (None, SOUTH)
    assert seen["events"][-1]["data"] == {"from": SOUTH, "to": NORTH, "reason": REASON}
    after = police.case(case_id)
    assert (after.station_id, after.state, after.informed) == (NORTH, "received", [SOUTH])
    assert (after.assignee_id, after.claimed_by, after.register_number) == (None, None, None)
    assert after.received_at == before.received_at
    assert after.routing["rule"] == "transferred"
    assert after.routing["candidates"] == before.routing["candidates"]
    assert after.first_routing == before.routing
    told = (await police.phone.get(f"/v1/my/reports/{report_id}")).json()
    assert told["station"]["id"] == told["routing"]["station"]["id"] == NORTH
    assert "reason" not in str(told)
    events, audit, inbox = police.traces(case_id)
    assert events[-1] == audit[-1] == inbox[-1] == "report.transferred"
    assert events == audit
    assert inbox == ["report.received", "report.acknowledged", "report.transferred"]


async def test_the_receiver_works_on_it_and_the_sender_only_reads(police: Police) -> None:
    _, case_id = await police.report(IN_SOUTH)
    await police.move(SOUTH, case_id, NORTH)

    refused = await police.step(SOUTH, case_id, "acknowledgement")
    taken = await police.step(NORTH, case_id, "acknowledgement")

    assert (refused.status_code, refused.json()["code"]) == (403, "read-only-case")
    assert taken.json()["state"] == "acknowledged"


async def test_a_repeated_put_is_answered_by_the_first_decision(police: Police) -> None:
    report_id, case_id = await police.report(IN_SOUTH)
    await police.move(SOUTH, case_id, NORTH)

    again = await police.phone.put(f"/v1/reports/{report_id}", json=places.report(IN_SOUTH))

    assert again.status_code == 200
    assert again.json()["routing"]["station"]["id"] == SOUTH


@pytest.mark.parametrize("target", [SOUTH, "w-none", "", "p-99"])
async def test_a_case_goes_to_no_station_that_cannot_have_it(police: Police, target: str) -> None:
    _, case_id = await police.report(IN_SOUTH)

    refused = await police.move(SOUTH, case_id, target)

    assert refused.status_code == (422 if target == "" else 409)
    if target:
        assert refused.json()["code"] == "station-not-eligible"
    assert police.case(case_id).version == 1
    assert police.traces(case_id)[0] == ["report.received"]


async def test_a_case_goes_to_no_station_whose_wards_are_gone(police: Police) -> None:
    _, case_id = await police.report(IN_SOUTH)
    with police.engine.begin() as owner:
        owner.execute(
            text("insert into stations (id, kind, name) values ('w-gone', 'ward', 'x')"
                 " on conflict do nothing")
        )  # fmt: skip
        owner.execute(
            text("insert into jurisdictions values ('99991', 'w-gone') on conflict do nothing")
        )
    police.app.state.refresher.refresh(everything=True)

    refused = await police.move(SOUTH, case_id, "w-gone")

    assert refused.json()["code"] == "station-not-eligible"


async def test_what_goes_to_oversight_is_seen_there_alone(police: Police) -> None:
    _, case_id = await police.report(IN_SOUTH)
    await police.move(SOUTH, case_id, NORTH)

    answer = await police.move(NORTH, case_id, OVERSIGHT)

    assert (answer.status_code, answer.json()["relation"]) == (200, "gone")
    assert answer.json()["events"][-1]["data"]["to"] == OVERSIGHT
    assert police.case(case_id).informed == []
    for station in (SOUTH, NORTH):
        again = await (await police.at(station)).get(f"/v1/cases/{case_id}")
        assert again.status_code == 404


@pytest.mark.parametrize("facts", [{"kind": "complaint_about_police"}, {"about_station": True}])
async def test_what_is_about_the_police_goes_to_oversight_only(
    police: Police, facts: dict[str, Any]
) -> None:
    _, case_id = await police.report(IN_SOUTH, **facts)
    other = make_station(police.engine, id=f"o-{uuid.uuid4()}", kind=StationKind.OVERSIGHT)

    refused = [await police.move(OVERSIGHT, case_id, to) for to in (SOUTH, DESK, NATION)]
    moved = await police.move(OVERSIGHT, case_id, other.id)

    assert {each.json()["code"] for each in refused} == {"station-not-eligible"}
    assert moved.json()["relation"] == "gone"
    assert (police.case(case_id).station_id, police.case(case_id).informed) == (other.id, [])


@pytest.mark.parametrize("reason", ["", "  ", "\n\u00a0"])
async def test_a_transfer_without_a_word_of_reason_is_refused(police: Police, reason: str) -> None:
    _, case_id = await police.report(IN_SOUTH)

    refused = await police.step(SOUTH, case_id, "transfer", station_id=NORTH, reason=reason)

    assert refused.status_code == 422
    assert [each["pointer"] for each in refused.json()["errors"]] == ["/reason"]
    assert police.case(case_id).station_id == SOUTH


async def test_of_a_transfer_and_an_acknowledgement_at_once_one_is_done(police: Police) -> None:
    for _ in range(8):
        _, case_id = await police.report(IN_SOUTH)

        answers = await asyncio.gather(
            police.move(SOUTH, case_id, NORTH), police.step(SOUTH, case_id, "acknowledgement")
        )

        assert sorted(answer.status_code for answer in answers) in ([200, 403], [200, 412])
        case = police.case(case_id)
        assert case.version == 2
        assert (case.station_id == NORTH) == (case.state == "received")
        assert (case.register_number is None) == (case.state == "received")


async def test_of_two_transfers_at_once_one_is_done(police: Police) -> None:
    for _ in range(8):
        _, case_id = await police.report(IN_SOUTH)

        answers = await asyncio.gather(
            police.move(SOUTH, case_id, NORTH),
            police.move(SOUTH, case_id, DESK),
            police.move(SOUTH, case_id, OVERSIGHT),
        )

        codes = sorted(answer.status_code for answer in answers)
        assert codes[0] == 200
        assert set(codes[1:]) <= {403, 404, 412}
        events, audit, inbox = police.traces(case_id)
        assert events == audit == inbox == ["report.received", "report.transferred"]


async def test_a_station_that_gets_its_own_case_back_is_not_informed_of_it(
    police: Police,
) -> None:
    _, case_id = await police.report(IN_SOUTH)

    await police.move(SOUTH, case_id, NORTH)
    await police.move(NORTH, case_id, SOUTH)

    assert (police.case(case_id).station_id, police.case(case_id).informed) == (SOUTH, [NORTH])
