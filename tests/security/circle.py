"""A group and the people round it, for tests of who reads what."""

import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import Engine, text

from api.accounts.tables import StaffRole
from api.local.client import uuid7
from api.secrets import Keys
from tests.factories import caller, make_officer
from tests.town import IN_SOUTH, report

WARD, STATION = "00001", "w-00001"


@dataclass
class Person:
    """A phone with a device token, and what it has reported."""

    app: FastAPI
    token: str
    private: list[str] = field(default_factory=list)
    as_group: list[str] = field(default_factory=list)

    async def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """One request."""
        async with caller(self.app, self.token) as client:
            return await client.request(method, path, **more)

    async def tell(
        self, group_id: str | None = None, where: tuple[float, float] | None = IN_SOUTH, **said: Any
    ) -> dict[str, Any]:
        """Send a report; as the group when one is given."""
        report_id = str(uuid7())
        body = report(where, group_id=group_id, **said)
        sent = await self.ask("PUT", f"/v1/reports/{report_id}", json=body)
        assert sent.status_code == 201, sent.text
        (self.private if group_id is None else self.as_group).append(report_id)
        answer: dict[str, Any] = sent.json()
        return answer

    async def join(self, code: str) -> httpx.Response:
        """Use a code."""
        return await self.ask("POST", "/v1/groups/joining", json={"code": code})

    def own_id(self, item: dict[str, Any]) -> str:
        """The id that its own reporter knows a report of the group's list by."""
        keys: Keys = self.app.state.keys
        if item["is_mine"]:
            return str(item["id"])
        return str(keys.report_id(keys.stored_id_of(uuid.UUID(item["id"]))))

    async def sees(self, group_id: str) -> set[str] | int:
        """The reports of the group that this person reads, or the status of the refusal."""
        seen: set[str] = set()
        path: str | None = f"/v1/my/groups/{group_id}/reports?limit=2"
        while path:
            answer = await self.ask("GET", path)
            if answer.status_code != 200:
                return answer.status_code
            seen |= {self.own_id(each) for each in answer.json()["items"]}
            path = answer.headers.get("link", "").partition(">")[0].removeprefix("<")
        return seen


async def a_phone(app: FastAPI) -> Person:
    """Somebody new."""
    async with caller(app) as client:
        made = await client.post("/v1/devices", json={})
    return Person(app, made.json()["token"])


@dataclass
class Circle:
    """A group of the ward, with its chief."""

    app: FastAPI
    chief: Person
    id: str

    async def invitation(self, role: str = "member", **more: Any) -> dict[str, Any]:
        """A new invitation."""
        path = f"/v1/groups/{self.id}/invitations"
        made = await self.chief.ask("POST", path, json={"role": role} | more)
        assert made.status_code == 201, made.text
        answer: dict[str, Any] = made.json()
        return answer

    async def person(self, role: str = "member") -> Person:
        """Somebody new who belongs to it."""
        somebody = await a_phone(self.app)
        joined = await somebody.join((await self.invitation(role))["code"])
        assert joined.status_code == 200, joined.text
        return somebody


async def a_circle(app: FastAPI, engine: Engine) -> Circle:
    """A new group of the south ward."""
    chief = Person(app, make_officer(engine, STATION, role=StaffRole.STATION_CHIEF))
    body = {"name": "Tổ tự quản số 5", "type": "to_tu_quan", "ward_code": WARD}
    made = await chief.ask("POST", "/v1/groups", json=body)
    assert made.status_code == 201, made.text
    return Circle(app, chief, made.json()["id"])


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


def flags_of(engine: Engine, people: People, report_id: str) -> tuple[uuid.UUID | None, list[str]]:
    keys: Keys = people.circle.app.state.keys
    query = text("select group_id, flags from reports where id = :id")
    with engine.connect() as connection:
        row = connection.execute(query, {"id": keys.store_id(uuid.UUID(report_id))}).one()
    return row.group_id, row.flags
