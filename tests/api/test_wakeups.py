"""Whoever waits for something new is woken after the commit, not before and not for nothing."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from psycopg import AsyncConnection
from sqlalchemy import Engine, make_url

from api.local.client import uuid7
from notifications.wakeups import DELIVERIES
from tests.factories import caller, make_officer, make_report, make_station
from tests.town import IN_NORTH, Town, report


class Ear:
    """Listens for deliveries."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection

    async def heard(self) -> bool:
        """Whether somebody was woken within a time much longer than the pause between two."""
        async for _ in self._connection.notifies(timeout=1.5, stop_after=1):
            return True
        return False


@pytest.fixture
async def ear(database_url: str) -> AsyncIterator[Ear]:
    """An ear, put to the database when it was silent."""
    dsn = make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute(f"listen {DELIVERIES}")
        made = Ear(connection)
        while await made.heard():
            pass
        yield made


async def test_a_new_report_wakes_the_worker_and_a_repeated_one_does_not(
    unlimited: httpx.AsyncClient, town: Town, ear: Ear
) -> None:
    url = f"/v1/reports/{uuid7()}"

    created = await unlimited.put(url, json=report(IN_NORTH))
    assert (created.status_code, await ear.heard()) == (201, True)

    repeated = await unlimited.put(url, json=report(IN_NORTH))
    assert (repeated.status_code, await ear.heard()) == (200, False)


async def test_an_acknowledgement_wakes_the_worker_and_a_refused_one_does_not(
    app: FastAPI, engine: Engine, ear: Ear
) -> None:
    station = make_station(engine)
    case = make_report(engine, station)
    url, headers = f"/v1/cases/{case.case_id}/acknowledgement", {"If-Match": '"1"'}

    async with caller(app, make_officer(engine, station)) as officer:
        taken = await officer.post(url, headers=headers)
        assert (taken.status_code, await ear.heard()) == (200, True)

        refused = await officer.post(url, headers=headers)
        assert refused.status_code in {409, 412}
        assert await ear.heard() is False
