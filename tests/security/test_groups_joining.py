"""Who belongs to a group, and how one comes in: by a code, never by guessing one."""

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from api.app import create_app
from api.local.client import uuid7
from api.settings import LimitSettings, Settings
from tests.factories import caller
from tests.security.circle import People, a_phone, flags_of
from tests.security.test_enumeration import misread, telling
from tests.town import IN_SOUTH, report


async def test_nobody_in_particular_belongs_to_a_group(
    people: People, app: FastAPI, engine: Engine
) -> None:
    code = (await people.circle.invitation())["code"]
    async with caller(app) as nobody:
        refused = [
            await nobody.post("/v1/groups/joining", json={"code": code}),
            await nobody.get("/v1/my/groups"),
            await nobody.get(f"/v1/my/groups/{people.circle.id}/reports"),
        ]
        sent = await nobody.put(
            f"/v1/reports/{uuid7()}", json=report(IN_SOUTH, group_id=people.circle.id)
        )

    assert {each.status_code for each in refused} == {401}
    assert sent.status_code == 201
    seen = await people.leader.sees(people.circle.id)
    assert isinstance(seen, set)
    assert sent.json()["id"] not in seen
    assert flags_of(engine, people, sent.json()["id"]) == (None, ["unknown-group"])


@pytest.mark.parametrize("who", ["former", "removed", "other_leader", "stranger"])
async def test_who_is_no_member_is_heard_but_not_as_the_group(
    people: People, engine: Engine, who: str
) -> None:
    sent = await people.everybody[who].tell(people.circle.id)

    assert flags_of(engine, people, sent["id"]) == (None, ["unknown-group"])
    own = await people.everybody[who].ask("GET", f"/v1/my/reports/{sent['id']}")
    assert own.json()["group"] is None


async def test_nobody_reports_as_a_disbanded_group(people: People, engine: Engine) -> None:
    path = f"/v1/groups/{people.circle.id}"
    invitation = await people.circle.invitation()
    ended = await people.circle.chief.ask("PATCH", path, json={"disbanded": True})

    sent = await people.member.tell(people.circle.id)
    joined = await people.stranger.join(invitation["code"])
    another = await people.circle.chief.ask("POST", f"{path}/invitations", json={"role": "member"})
    handover = await people.leader.ask("POST", f"/v1/my/groups/{people.circle.id}/handover")

    assert ended.json()["disbanded_at"] is not None
    assert flags_of(engine, people, sent["id"]) == (None, ["unknown-group"])
    assert (joined.status_code, another.json()["code"]) == (404, "group-disbanded")
    assert handover.json()["code"] == "group-disbanded"
    assert set(people.another.as_group) == await people.another.sees(people.circle.id)
    revived = await people.circle.chief.ask("PATCH", path, json={"disbanded": False})
    assert revived.json()["disbanded_at"] is None
    assert (await people.stranger.join(invitation["code"])).status_code == 404
    again = await people.member.tell(people.circle.id)
    assert flags_of(engine, people, again["id"])[1] == []


async def test_after_a_handover_the_old_leader_is_a_member(people: People) -> None:
    group = people.circle.id
    before = await people.leader.sees(group)
    superseded = (await people.leader.ask("POST", f"/v1/my/groups/{group}/handover")).json()
    code = (await people.leader.ask("POST", f"/v1/my/groups/{group}/handover")).json()["code"]

    assert (await people.stranger.join(superseded["code"])).status_code == 404
    own = await people.leader.join(code)
    assert (own.status_code, own.json()["role"]) == (200, "leader"), "their own code does nothing"
    joined = await people.another.join(code)
    late = await people.stranger.join(code)

    assert (joined.status_code, joined.json()["role"], late.status_code) == (200, "leader", 404)
    assert await people.another.sees(group) == before
    assert await people.leader.sees(group) == set(people.leader.as_group)
    members = await people.leader.ask("GET", f"/v1/my/groups/{group}/members")
    assert members.status_code == 403
    mine = (await people.leader.ask("GET", "/v1/my/groups")).json()["items"]
    assert [each["role"] for each in mine] == ["member"]


async def test_a_removed_member_does_not_come_back_by_the_old_code(people: People) -> None:
    group = people.circle.id
    code = (await people.circle.invitation(uses=5))["code"]
    newcomer = await a_phone(people.circle.app)
    assert (await newcomer.join(code)).status_code == 200
    membership = (await people.memberships())[-1]["id"]

    gone = await people.leader.ask("DELETE", f"/v1/my/groups/{group}/members/{membership}")
    again = await people.leader.ask("DELETE", f"/v1/my/groups/{group}/members/{membership}")

    assert (gone.status_code, again.status_code) == (204, 404)
    assert await newcomer.sees(group) == 404
    assert (await newcomer.ask("GET", "/v1/my/groups")).json()["items"] == []
    assert (await newcomer.join(code)).status_code == 404
    fresh = (await people.circle.invitation())["code"]
    assert (await newcomer.join(fresh)).status_code == 200


async def test_every_code_that_opens_nothing_gets_the_same_answer(people: People) -> None:
    circle = people.circle
    good = await circle.invitation()
    used, ended = await circle.invitation(), await circle.invitation()
    assert (await (await a_phone(circle.app)).join(used["code"])).status_code == 200
    await circle.chief.ask("DELETE", f"/v1/groups/{circle.id}/invitations/{ended['id']}")
    code = good["code"]
    wrong = {
        "unknown": "0000-0000-0000-0000", "used": used["code"], "ended": ended["code"],
        "one digit off": code[:-1] + ("0" if code[-1] != "0" else "1"), "half": code[:9],
        "turned round": code[::-1], "words": "mật khẩu", "SQL": "' or 1=1 --", "dashes": "----",
    }  # fmt: skip

    answers = {name: telling(await people.stranger.join(each)) for name, each in wrong.items()}

    assert answers["unknown"][0] == 404
    assert {name for name, each in answers.items() if each != answers["unknown"]} == set()
    assert (await people.stranger.join(code)).status_code == 200


async def test_a_code_works_however_it_is_typed_and_from_its_qr_code(people: People) -> None:
    for kind in range(7):
        made = await people.circle.invitation()
        typed = list(misread(made["code"]))[kind]
        joined = await (await a_phone(people.circle.app)).join(typed)
        assert joined.status_code == 200, typed
    made = await people.circle.invitation()
    assert made["qr_text"] == f"TINBAO:GROUP:{made['code']}"
    joined = await people.stranger.join(made["qr_text"].lower())
    assert (joined.status_code, joined.json()["role"]) == (200, "member")


async def test_the_eleventh_guess_of_an_address_in_a_minute_must_wait(
    settings: Settings, app: FastAPI, people: People
) -> None:
    code = (await people.circle.invitation())["code"]
    limited = create_app(settings.model_copy(update={"limits": LimitSettings(factor=1)}))
    async with (
        limited.router.lifespan_context(limited),
        caller(limited, people.stranger.token) as guesser,
    ):

        async def guess(each: str) -> httpx.Response:
            return await guesser.post("/v1/groups/joining", json={"code": each})

        statuses = [(await guess("0000")).status_code for _ in range(11)]
        right = await guess(code)

    assert statuses == [404] * 10 + [429]
    assert right.status_code == 429
    assert (await people.stranger.join(code)).status_code == 200
