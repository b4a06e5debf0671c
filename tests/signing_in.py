"""Signing in as a member of staff, for tests."""

import datetime as dt
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pyotp
from fastapi import FastAPI
from sqlalchemy import Engine, text

from api.accounts.staff import Credentials
from api.clock import now_asked

Clock = Callable[[dt.timedelta], dt.datetime]
"""Moves the service's time forward; answers what it is then."""


@contextmanager
def moving_clock(app: FastAPI) -> Iterator[Clock]:
    """The service's time stands still, and moves when told."""
    moment = dt.datetime.now(dt.UTC)

    def move(by: dt.timedelta) -> dt.datetime:
        nonlocal moment
        moment += by
        return moment

    app.dependency_overrides[now_asked] = lambda: moment
    yield move
    del app.dependency_overrides[now_asked]


def code_of(officer: Credentials, at: float | None = None) -> str:
    return pyotp.TOTP(officer.totp_secret).at(int(time.time() if at is None else at))


def login(officer: Credentials, **other: str) -> dict[str, str]:
    given = {"username": officer.username, "password": officer.password}
    return {**given, "totp": code_of(officer), **other}


async def token_of(client: httpx.AsyncClient, officer: Credentials, **other: str) -> str:
    answer = await client.post("/v1/sessions", json=login(officer, **other))
    assert answer.status_code == 201
    client.cookies.clear()
    return str(answer.json()["token"])


async def works(client: httpx.AsyncClient, token: str) -> bool:
    answer = await client.get("/v1/queue", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code in (200, 401)
    return answer.status_code == 200


def audit_of(engine: Engine, officer: Credentials) -> list[tuple[Any, ...]]:
    """What the trail says about an account: action, actor's kind, scope."""
    with engine.connect() as connection:
        found = connection.execute(
            text(
                "select action, actor_kind, scope from audit_events join staff"
                " on object_id = staff.id::text where username = :name order by audit_events.id"
            ),
            {"name": officer.username},
        )
        return [tuple(row) for row in found]


def trail(engine: Engine, username: str) -> list[tuple[Any, ...]]:
    """What was done to an account, by what kind of actor, and how it was put."""
    query = text(
        "select action, actor_kind, actor_id is not null, reason from audit_events join staff"
        " on object_id = staff.id::text where username = :name order by audit_events.id"
    )
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query, {"name": username})]
