"""A case changes hands: transfer, bounce, correction. One station owns it at any time."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text

from api.accounts.tables import StaffRole
from api.local.client import uuid7
from geo.tables import StationKind
from tests import town as places
from tests.factories import caller, make_officer, make_station
from tests.town import IN_NORTH, IN_SOUTH, ON_BORDER, Town

SOUTH, NORTH, DESK, OVERSIGHT, NATION = "w-00001", "w-00002", "p-01", "o-01", "vn"
REASON = "Ở bên kia đường, thuộc phường bạn."


@dataclass
class Police:
    """Officers of any station, and what the database says."""

    app: FastAPI
    engine: Engine
    open: AsyncExitStack
    phone: httpx.AsyncClient
    clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)

    async def at(self, station: str) -> httpx.AsyncClient:
        """An officer of a station."""
        if station not in self.clients:
            role = StaffRole.OVERSIGHT if station.startswith("o-") else StaffRole.DUTY_OFFICER
            client = caller(self.app, make_officer(self.engine, station, role=role))
            self.clients[station] = await self.open.enter_async_context(client)
        return self.clients[station]

    async def step(
        self, station: str, case_id: uuid.UUID, path: str, **body: Any
    ) -> httpx.Response:
        """A step by an officer who sees the case as it is."""
        tag = {"If-Match": f'"{self.case(case_id).version}"'}
        client = await self.at(station)
        return await client.post(f"/v1/cases/{case_id}/{path}", headers=tag, json=body)

    async def move(self, station: str, case_id: uuid.UUID, to: str) -> httpx.Response:
        """A transfer."""
        return await self.step(station, case_id, "transfer", station_id=to, reason=REASON)

    async def report(self, where: Any, **facts: Any) -> tuple[uuid.UUID, uuid.UUID]:
        """Somebody's report: its id, and the case's."""
        report_id = uuid7()
        body = places.report(where, **facts)
        accepted = await self.phone.put(f"/v1/reports/{report_id}", json=body)
        assert accepted.status_code == 201, accepted.text
        stored = self.app.state.keys.store_id(report_id)
        (found,) = self.rows("select case_id from reports where id = :id", id=stored)
        return report_id, found.case_id

    def rows(self, query: str, **given: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(text(query), given))

    def case(self, case_id: uuid.UUID) -> Any:
        """The row, with who is informed."""
        (found,) = self.rows(
            "select *, ST_X(location) as lon, array(select station_id from case_informed i"
            " where i.case_id = r.case_id order by 1) as informed"
            " from reports r where case_id = :id",
            id=case_id,
        )
        return found

    def traces(self, case_id: uuid.UUID) -> tuple[list[str], list[str], list[str]]:
        """The kinds of its events, audit events, and messages to the reporter."""
        event = "select kind from case_events where case_id = :id order by id"
        audit = (
            "select action from audit_events where object_id = :id and action <> 'case.read'"
            " order by id"
        )
        inbox = (
            "select kind from acknowledgements where subject ="
            " (select id from reports where case_id = :id) order by seq"
        )
        return (
            [row.kind for row in self.rows(event, id=case_id)],
            [row.action for row in self.rows(audit, id=str(case_id))],
            [row.kind for row in self.rows(inbox, id=case_id)],
        )


@pytest.fixture
async def police(unlimited_app: FastAPI, engine: Engine, town: Town) -> AsyncIterator[Police]:
    """Everybody."""
    async with AsyncExitStack() as stack, caller(unlimited_app) as phone:
        device = (await phone.post("/v1/devices", json={})).json()
        phone.headers["Authorization"] = f"Bearer {device['token']}"
        yield Police(unlimited_app, engine, stack, phone)


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
