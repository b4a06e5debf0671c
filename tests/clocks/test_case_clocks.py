"""The clocks of a case as officers see them, and when the case is due."""

import datetime as dt
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text

from api.clocks.steps import Shelf
from api.reports.tables import Report
from geo.tables import Station
from tests.clocks.year import moment
from tests.factories import NOON, caller, make_officer, make_report, make_station
from tests.signing_in import Clock, moving_clock

MORNING = moment("2026-11-23 09:02")
"""A Monday; officers see 09:00 of what a device reported. Tuesday the 24th is a holiday."""


@pytest.fixture
def station(engine: Engine) -> Station:
    """The officers' station."""
    return make_station(engine, id=f"w-{uuid.uuid4().hex[:8]}", province_code="01")


@pytest.fixture
def clock(app: FastAPI) -> Iterator[Clock]:
    """The service's time."""
    with moving_clock(app) as move:
        yield move


@pytest.fixture
async def officer(
    app: FastAPI, engine: Engine, station: Station
) -> AsyncIterator[httpx.AsyncClient]:
    """A duty officer of the station."""
    async with caller(app, make_officer(engine, station)) as client:
        yield client
