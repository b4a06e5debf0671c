"""Groups are registered by their station, changed and listed."""

import uuid
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from api.groups.tables import GroupType
from api.groups.types import NAMES
from tests.api.groups.traces import trail
from tests.factories import unique
from tests.security.circle import STATION, WARD, Circle, Person


async def test_a_chief_registers_a_group_of_their_ward(circle: Circle, engine: Engine) -> None:
    read = await circle.chief.ask("GET", f"/v1/groups/{circle.id}")

    body = read.json()
    assert body | {"created_at": ""} == {
        "id": circle.id, "name": "Tổ tự quản số 5", "type": "to_tu_quan",
        "type_name": "Tổ tự quản về an ninh, trật tự", "ward_code": WARD, "station_id": STATION,
        "leader_office": None, "created_at": "", "disbanded_at": None, "leaders": 0, "members": 0,
    }  # fmt: skip
    assert trail(engine, circle.id) == [("group.created", "staff", True)]


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"ward_code": "00002"}, "/ward_code", "ward"),
        ({"ward_code": "99999"}, "/ward_code", "ward"),
        ({"type": "king"}, "/type", "enum"),
        ({"name": ""}, "/name", "string_too_short"),
        ({"name": "x" * 201}, "/name", "string_too_long"),
        ({"name": " "}, "/name", "blank"),
        ({"leader_office": "\u200b"}, "/leader_office", "blank"),
        ({"leader": "Nguyễn Văn A"}, "", "extra_forbidden"),
    ],
)
async def test_what_cannot_be_a_group_is_explained(
    circle: Circle, body: dict[str, Any], pointer: str, code: str
) -> None:
    good = {"name": "Tổ 6", "type": "to_lien_gia", "ward_code": WARD}

    answer = await circle.chief.ask("POST", "/v1/groups", json=good | body)

    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == (pointer, code)


async def test_only_an_admin_moves_a_group_to_another_ward(circle: Circle, admin: Person) -> None:
    path, moving = f"/v1/groups/{circle.id}", {"ward_code": "00002"}

    refused = await circle.chief.ask("PATCH", path, json=moving)
    moved = await admin.ask("PATCH", path, json=moving)

    assert (refused.status_code, moved.json()["station_id"]) == (403, "w-00002")
    assert (await circle.chief.ask("GET", path)).status_code == 404


async def test_changes_are_kept_and_on_the_trail(circle: Circle, engine: Engine) -> None:
    path = f"/v1/groups/{circle.id}"
    change = {"name": "Tổ 7", "type": "luc_luong_co_so", "leader_office": "Tổ trưởng dân phố 7"}

    changed = await circle.chief.ask("PATCH", path, json=change)
    nothing = await circle.chief.ask("PATCH", path, json={})

    assert {name: changed.json()[name] for name in change} == change
    assert nothing.json()["errors"][0]["code"] == "nothing_to_change"
    assert trail(engine, circle.id)[-1] == ("group.changed", "staff", True)


async def test_lists_come_in_pages_by_name(
    circle: Circle, unlimited_app: FastAPI, engine: Engine
) -> None:
    for number in (3, 1, 2):
        body = {"name": f"{number} {unique('')}", "type": "other", "ward_code": WARD}
        await circle.chief.ask("POST", "/v1/groups", json=body)
    names: list[str] = []
    path = "/v1/groups?limit=2"
    while path:
        page = await circle.chief.ask("GET", path)
        names += [each["name"] for each in page.json()["items"]]
        path = page.headers.get("link", "").partition(">")[0].removeprefix("<")

    assert names == sorted(names)
    assert len(names) >= 4
    unknown = await circle.chief.ask("GET", f"/v1/groups?cursor={uuid.uuid4()}")
    assert unknown.json()["errors"][0]["code"] == "cursor"


def test_every_type_has_a_name_in_both_languages() -> None:
    assert NAMES.keys() == set(GroupType)
    assert all(vi and en and vi != en for vi, en in NAMES.values())


async def test_the_types_are_told_in_the_language_asked_for(unlimited: httpx.AsyncClient) -> None:
    answer = (await unlimited.get("/v1/group-types")).json()
    vi = answer["items"]
    en = (await unlimited.get("/v1/group-types", headers={"Accept-Language": "en"})).json()["items"]

    assert [each["code"] for each in vi] == [each["code"] for each in en] == list(GroupType)
    assert vi[0]["name"] != en[0]["name"]
    assert answer.keys() == {"items", "next_cursor"}
