"""Who reads what of a group: its leader what was filed as the group, a member their own, nobody
anybody's private reports; and the police never who belongs to it."""

from typing import Any

import pytest
from sqlalchemy import Engine, text

from api.accounts.tables import StaffRole
from tests.factories import make_officer, make_station
from tests.security.circle import STATION, People, Person
from tests.shown import all_shown

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
