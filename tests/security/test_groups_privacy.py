"""Who reads what of a group: its leader what was filed as the group, a member their own, nobody
anybody's private reports; and the police never who belongs to it."""

import uuid
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text

from api.accounts.tables import StaffRole
from api.app import create_app
from api.local.client import uuid7
from api.secrets import Keys
from api.settings import LimitSettings, Settings
from tests.factories import caller, make_officer, make_station
from tests.security.circle import STATION, Circle, Person, a_circle, a_phone, all_shown
from tests.security.test_enumeration import misread, telling
from tests.town import IN_SOUTH, report


@dataclass
class People:
    """Everybody there is to a group."""

    circle: Circle
    leader: Person
    member: Person
    another: Person
    former: Person
    removed: Person
    other_leader: Person
    stranger: Person

    @property
    def everybody(self) -> dict[str, Person]:
        """By what they are to the group."""
        return {name: person for name, person in vars(self).items() if isinstance(person, Person)}

    async def memberships(self) -> list[dict[str, Any]]:
        """The members as their leader sees them."""
        path = f"/v1/my/groups/{self.circle.id}/members"
        found = await self.leader.ask("GET", path)
        items: list[dict[str, Any]] = found.json()["items"]
        return items


@pytest.fixture
async def people(app: FastAPI, engine: Engine) -> People:
    """A group with a past, and another one; everybody has reported, privately and as the group."""
    circle, other = await a_circle(app, engine), await a_circle(app, engine)
    found = People(
        circle,
        leader=await circle.person("leader"),
        member=await circle.person(),
        another=await circle.person(),
        former=await circle.person(),
        removed=await circle.person(),
        other_leader=await other.person("leader"),
        stranger=await a_phone(app),
    )
    for name, each in found.everybody.items():
        await each.tell(text=f"Riêng của {name}, {circle.id}.")
        await each.tell(circle.id, text=f"Nhân danh tổ: {name}, {circle.id}.")
    await found.former.ask("DELETE", f"/v1/my/groups/{circle.id}/membership")
    newest = (await found.memberships())[-1]["id"]
    gone = await found.leader.ask("DELETE", f"/v1/my/groups/{circle.id}/members/{newest}")
    assert gone.status_code == 204
    return found


MEMBERS = ("leader", "member", "another", "former", "removed")

READING = {
    "leader": {name: name in MEMBERS for name in (*MEMBERS, "other_leader", "stranger")},
    "member": {"member": True},
    "another": {"another": True},
}
"""Whose reports, filed as the group, each of them reads; everybody else reads nothing of it."""


async def test_each_reads_what_is_theirs_to_read(people: People) -> None:
    everybody = people.everybody
    seen = {name: await each.sees(people.circle.id) for name, each in everybody.items()}

    expected: dict[str, set[str] | int] = dict.fromkeys(everybody, 404)
    for name, whose in READING.items():
        mine: set[str] = set()
        for other in [other for other, read in whose.items() if read]:
            mine |= set(everybody[other].as_group)
        expected[name] = mine
    assert seen == expected


async def test_nobodys_private_report_is_read_by_anybody_else(
    people: People, engine: Engine
) -> None:
    await all_shown(engine)
    everybody = people.everybody
    for name, reader in everybody.items():
        listed = {
            each["id"] for each in (await reader.ask("GET", "/v1/my/reports")).json()["items"]
        }
        told = {
            each["report_id"] for each in (await reader.ask("GET", "/v1/inbox")).json()["items"]
        }
        seen = await reader.sees(people.circle.id)
        for other, owner in everybody.items():
            if other == name:
                continue
            foreign = {*owner.private, *owner.as_group}
            assert not foreign & (listed | told)
            assert isinstance(seen, int) or not seen & set(owner.private)
            for report_id in foreign:
                answer = await reader.ask("GET", f"/v1/my/reports/{report_id}")
                assert answer.status_code == 404, (name, other)


OPERATIONS: dict[tuple[str, str], dict[str, int]] = {
    ("GET", "/v1/my/groups/{id}/reports"): {"leader": 200, "member": 200, "another": 200},
    ("GET", "/v1/my/groups/{id}/members"): {"leader": 200, "member": 403, "another": 403},
    ("POST", "/v1/my/groups/{id}/handover"): {"leader": 201, "member": 403, "another": 403},
    ("DELETE", "/v1/my/groups/{id}/members/{other}"): {
        "leader": 204, "member": 403, "another": 403,
    },
    ("DELETE", "/v1/my/groups/{id}/membership"): {"leader": 204, "member": 204, "another": 204},
}  # fmt: skip
"""What is answered to who belongs to the group; to everybody else it does not exist."""


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
async def test_what_leader_members_and_others_may_do(
    people: People, method: str, path: str
) -> None:
    victim = await people.circle.person()
    assert victim
    other = (await people.memberships())[-1]["id"]
    path_now = path.format(id=people.circle.id, other=other)
    answered = {}
    for name in sorted(people.everybody, key="leader".__eq__):  # the leader last: they may succeed
        answer = await people.everybody[name].ask(method, path_now)
        answered[name] = answer.status_code

    assert answered == dict.fromkeys(people.everybody, 404) | OPERATIONS[method, path]


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


def flags_of(engine: Engine, people: People, report_id: str) -> tuple[uuid.UUID | None, list[str]]:
    keys: Keys = people.circle.app.state.keys
    query = text("select group_id, flags from reports where id = :id")
    with engine.connect() as connection:
        row = connection.execute(query, {"id": keys.store_id(uuid.UUID(report_id))}).one()
    return row.group_id, row.flags


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


async def test_a_complaint_about_the_police_is_its_reporters_alone(people: People) -> None:
    told = [
        await people.member.tell(people.circle.id, kind="complaint_about_police"),
        await people.member.tell(people.circle.id, category="officer_conduct"),
        await people.member.tell(people.circle.id, about_station=True),
    ]
    complaints = {each["id"] for each in told}

    by_leader = await people.leader.sees(people.circle.id)
    by_member = await people.member.sees(people.circle.id)
    assert isinstance(by_leader, set)
    assert isinstance(by_member, set)
    assert complaints & by_leader == set()
    assert complaints <= by_member


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


async def test_the_leader_sees_how_many_and_since_when_never_who(
    people: People, engine: Engine
) -> None:
    answer = await people.leader.ask("GET", f"/v1/my/groups/{people.circle.id}/members")

    body = answer.json()
    assert (body["leaders"], body["members"]) == (1, 2)
    assert {frozenset(each) for each in body["items"]} == {
        frozenset({"id", "role", "joined_at", "is_me"})
    }
    with engine.connect() as connection:
        keys = connection.scalars(text("select encode(member_key, 'hex') from memberships")).all()
    assert not any(key in answer.text for key in keys)


async def test_who_leads_by_their_own_invitation_learns_no_more_than_an_officer(
    people: People,
) -> None:
    chief = await people.circle.person("leader")
    member = people.member
    path = f"/v1/my/groups/{people.circle.id}/reports"

    told = (await member.ask("GET", path)).json()["items"]
    seen = await chief.ask("GET", path, params={"limit": 100})

    assert not any(report_id in seen.text for report_id in member.as_group)
    times = {each["received_at"] for each in seen.json()["items"]}
    assert not times & {each["received_at"] for each in told}
    minutes = {(int(each[14:16]) % 5, each[16:19]) for each in times}
    assert minutes == {(0, ":00")}
    for each in seen.json()["items"]:
        own = await member.ask("GET", f"/v1/my/reports/{each['id']}")
        assert own.status_code in (404, 422), "the id of the list opens nothing"


async def whole_queue(officer: Person) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    path = "/v1/queue?limit=100"
    while path:
        page = await officer.ask("GET", path)
        items += page.json()["items"]
        path = page.headers.get("link", "").partition(">")[0].removeprefix("<")
    return items


async def test_the_police_see_how_many_belong_to_a_group_and_nothing_of_who(
    people: People, engine: Engine
) -> None:
    chief, group = people.circle.chief, people.circle.id
    officer = Person(people.circle.app, make_officer(engine, STATION))
    admin = Person(people.circle.app, make_officer(engine, None, role=StaffRole.ADMIN))
    queue = [each for each in await whole_queue(officer) if group in each["text"]]
    cases = [await officer.ask("GET", f"/v1/cases/{each['case_id']}") for each in queue]
    seen = [
        await chief.ask("GET", f"/v1/groups/{group}"),
        await chief.ask("GET", "/v1/groups"),
        await admin.ask("GET", "/v1/groups?limit=1"),
        await chief.ask("GET", f"/v1/groups/{group}/invitations"),
        *cases,
    ]

    assert {each.status_code for each in seen} == {200}
    assert (seen[0].json()["leaders"], seen[0].json()["members"]) == (1, 2)
    everything = "".join(each.text for each in seen)
    with engine.connect() as connection:
        keys = connection.scalars(text("select encode(member_key, 'hex') from memberships")).all()
        memberships = connection.scalars(text("select id::text from memberships")).all()
    secrets = [*keys, *memberships]
    for each in people.everybody.values():
        secrets += [each.token, *each.private, *each.as_group]
    assert not any(secret in everything for secret in secrets)
    assert len(cases) == 2 * len(people.everybody)
    shown = {case.json()["text"].partition(",")[0]: case.json()["group"] for case in cases}
    assert shown["Nhân danh tổ: member"] == {"id": group, "name": "Tổ tự quản số 5"}
    assert shown["Riêng của member"] is None
    assert shown["Nhân danh tổ: stranger"] is None
    assert shown == {each["text"].partition(",")[0]: each["group"] for each in queue}


async def test_another_wards_chief_knows_nothing_of_it(people: People, engine: Engine) -> None:
    elsewhere = make_station(engine, province_code="01")
    chief = Person(people.circle.app, make_officer(engine, elsewhere, role=StaffRole.STATION_CHIEF))
    path = f"/v1/groups/{people.circle.id}"
    invitation = (await people.circle.invitation())["id"]
    body: dict[str, Any] = {"name": "x"}

    answers = [
        await chief.ask("GET", path),
        await chief.ask("PATCH", path, json=body),
        await chief.ask("POST", f"{path}/invitations", json={"role": "leader"}),
        await chief.ask("GET", f"{path}/invitations"),
        await chief.ask("DELETE", f"{path}/invitations/{invitation}"),
    ]

    assert {each.status_code for each in answers} == {404}
    assert (await chief.ask("GET", "/v1/groups")).json()["items"] == []


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
