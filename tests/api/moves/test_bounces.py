"""A transferred case bounces: back to its sender, and the third time to the desk above."""

from tests.api.moves.police import DESK, NATION, NORTH, REASON, SOUTH, Police
from tests.town import IN_SOUTH, ON_BORDER


async def test_a_bounced_case_goes_back_and_its_number_is_kept(police: Police) -> None:
    _, case_id = await police.report(IN_SOUTH)
    number = (await police.step(SOUTH, case_id, "acknowledgement")).json()["register_number"]
    await police.move(SOUTH, case_id, NORTH)
    await police.step(NORTH, case_id, "acknowledgement")

    answer = await police.step(NORTH, case_id, "bounce", reason=REASON)
    back = await police.step(SOUTH, case_id, "acknowledgement")

    assert (answer.status_code, answer.json()["relation"]) == (200, "gone")
    assert back.json()["register_number"] == number
    assert (police.case(case_id).station_id, police.case(case_id).informed) == (SOUTH, [])
    assert police.traces(case_id)[2][-2:] == ["report.bounced", "report.acknowledged"]


async def test_a_neighbour_of_the_border_still_sees_what_it_bounced(police: Police) -> None:
    _, case_id = await police.report(ON_BORDER, accuracy_m=60.0)
    assert police.case(case_id).informed == [NORTH]
    await police.move(SOUTH, case_id, NORTH)

    answer = await police.step(NORTH, case_id, "bounce", reason=REASON)

    assert answer.json()["relation"] == "informed"
    assert police.case(case_id).informed == [NORTH]


async def test_only_what_came_by_transfer_and_was_not_worked_on_is_bounced(
    police: Police,
) -> None:
    _, own = await police.report(IN_SOUTH)
    _, worked_on = await police.report(IN_SOUTH)
    await police.move(SOUTH, worked_on, NORTH)
    await police.step(NORTH, worked_on, "acknowledgement")
    await police.step(NORTH, worked_on, "progress")
    _, returned = await police.report(IN_SOUTH)
    await police.move(SOUTH, returned, NORTH)
    await police.step(NORTH, returned, "bounce", reason=REASON)

    refused = [
        await police.step(SOUTH, own, "bounce", reason=REASON),
        await police.step(NORTH, worked_on, "bounce", reason=REASON),
        await police.step(SOUTH, returned, "bounce", reason=REASON),
    ]

    assert [each.json()["code"] for each in refused] == [
        "station-not-eligible",
        "transition-not-allowed",
        "station-not-eligible",
    ]


async def test_the_third_bounce_goes_to_the_provinces_desk(police: Police) -> None:
    _, case_id = await police.report(IN_SOUTH)

    for _ in range(3):
        assert (await police.move(SOUTH, case_id, NORTH)).status_code == 200
        assert (await police.step(NORTH, case_id, "bounce", reason=REASON)).status_code == 200

    case = police.case(case_id)
    assert (case.station_id, case.bounces) == (DESK, 3)
    assert "third-bounce" in case.flags
    assert case.routing["flags"] == case.flags
    last = await (await police.at(DESK)).get(f"/v1/cases/{case_id}")
    assert last.json()["events"][-1]["data"]["bounces"] == 3
    refused = await police.step(DESK, case_id, "bounce", reason=REASON)
    assert refused.json()["code"] == "station-not-eligible"


async def test_the_desk_itself_bounces_to_the_nation_the_third_time(police: Police) -> None:
    _, case_id = await police.report(IN_SOUTH)

    for _ in range(3):
        await police.move(SOUTH, case_id, DESK)
        await police.step(DESK, case_id, "bounce", reason=REASON)

    assert police.case(case_id).station_id == NATION
