"""A group is joined by a code, as often and as long as its invitation says."""

import asyncio
import datetime as dt
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from api.accounts.tables import StaffRole
from tests.api.groups.traces import rows, trail
from tests.factories import make_officer
from tests.security.circle import STATION, Circle, Person, a_phone
from tests.signing_in import Clock


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"role": "leader", "uses": 2}, "leader_uses"),
        ({"role": "member", "uses": 0}, "greater_than_equal"),
        ({"role": "member", "uses": 201}, "less_than_equal"),
        ({"role": "member", "hours_valid": 721}, "less_than_equal"),
        ({"role": "chief"}, "enum"),
    ],
)
async def test_what_cannot_be_an_invitation_is_explained(
    circle: Circle, body: dict[str, Any], code: str
) -> None:
    answer = await circle.chief.ask("POST", f"/v1/groups/{circle.id}/invitations", json=body)

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, code)


async def test_a_code_is_stored_as_a_hash_only_and_listed_without(
    circle: Circle, engine: Engine
) -> None:
    made = await circle.invitation(uses=3)

    listed = await circle.chief.ask("GET", f"/v1/groups/{circle.id}/invitations")

    [item] = listed.json()["items"]
    assert (item["id"], item["uses_left"], item["handover"]) == (made["id"], 3, False)
    assert made["code"] not in listed.text
    found = str(rows(engine, "select i::text from invitations i"))
    assert made["code"] not in found
    assert made["code"].replace("-", "") not in found


async def test_an_invitation_works_as_often_as_it_says_whoever_comes_at_once(
    circle: Circle, unlimited_app: FastAPI, engine: Engine
) -> None:
    code = (await circle.invitation(uses=3))["code"]
    phones = [await a_phone(unlimited_app) for _ in range(8)]

    answers = await asyncio.gather(*(each.join(code) for each in phones))

    assert sorted(each.status_code for each in answers) == [200] * 3 + [404] * 5
    [row] = rows(engine, "select count(*) as n from memberships where group_id = :id", id=circle.id)
    assert row.n == 3
    assert trail(engine, circle.id)[-3:] == [("group.joined", "reporter", False)] * 3


async def test_joining_twice_is_joining_once(circle: Circle, unlimited_app: FastAPI) -> None:
    code = (await circle.invitation(uses=2))["code"]
    phone = await a_phone(unlimited_app)

    answers = await asyncio.gather(*(phone.join(code) for _ in range(5)))

    assert {each.status_code for each in answers} == {200}
    assert len({each.text for each in answers}) == 1
    assert (await (await a_phone(unlimited_app)).join(code)).status_code == 200
    assert (await (await a_phone(unlimited_app)).join(code)).status_code == 404
    assert (await phone.join(code)).status_code == 200, "an answer may have been lost"


async def test_an_invitation_ends_in_time(
    circle: Circle, unlimited_app: FastAPI, clock: Clock, engine: Engine
) -> None:
    chief = Person(
        unlimited_app,
        make_officer(engine, STATION, role=StaffRole.STATION_CHIEF, now=clock(dt.timedelta())),
    )
    path = f"/v1/groups/{circle.id}/invitations"
    body = {"role": "member", "uses": 9, "hours_valid": 1}
    code = (await chief.ask("POST", path, json=body)).json()["code"]
    early, late = await a_phone(unlimited_app), await a_phone(unlimited_app)

    clock(dt.timedelta(minutes=59))
    in_time = await early.join(code)
    clock(dt.timedelta(minutes=2))

    assert (in_time.status_code, (await late.join(code)).status_code) == (200, 404)
    assert (await early.join(code)).status_code == 200


async def test_a_member_becomes_leader_by_a_leaders_code_and_not_back_by_a_members(
    circle: Circle,
) -> None:
    somebody = await circle.person()

    leading = await somebody.join((await circle.invitation("leader"))["code"])
    back = await circle.invitation("member")
    still = await somebody.join(back["code"])

    assert (leading.json()["role"], still.json()["role"]) == ("leader", "leader")
    listed = await circle.chief.ask("GET", f"/v1/groups/{circle.id}/invitations")
    assert [each["id"] for each in listed.json()["items"]] == [back["id"]], "it was not used up"
