"""What is kept of a group and its reports, and steps that officers take on these."""

import uuid
from typing import Any

import httpx
from sqlalchemy import Engine, text

from api.secrets import Keys
from tests.security.circle import Person
from tests.shown import all_shown


def rows(engine: Engine, query: str, **given: Any) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(text(query), given))


def stored(engine: Engine, keys: Keys, report_id: str) -> Any:
    """The row of a report."""
    query = "select * from reports where id = :id"
    return rows(engine, query, id=keys.store_id(uuid.UUID(report_id)))[0]


def trail(engine: Engine, group_id: str) -> list[tuple[Any, ...]]:
    query = (
        "select action, actor_kind, actor_id is not null from audit_events"
        " where object_kind = 'group' and object_id = :id order by id"
    )
    return [tuple(row) for row in rows(engine, query, id=group_id)]


async def inbox(engine: Engine, person: Person) -> list[dict[str, Any]]:
    await all_shown(engine)
    found = await person.ask("GET", "/v1/inbox")
    items: list[dict[str, Any]] = found.json()["items"]
    return items


async def step(
    officer: Person, engine: Engine, case_id: uuid.UUID, path: str, **body: Any
) -> httpx.Response:
    """A step on a case as it is."""
    [row] = rows(engine, "select version from reports where case_id = :id", id=case_id)
    headers = {"If-Match": f'"{row.version}"'}
    return await officer.ask("POST", f"/v1/cases/{case_id}/{path}", json=body, headers=headers)
