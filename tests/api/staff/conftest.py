"""An admin, an officer and their station, and a caller without a session."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from api.accounts.staff import Credentials
from api.accounts.tables import StaffRole
from api.secrets import Keys
from geo.tables import Station
from tests.factories import caller, make_officer, make_staff, make_station


@pytest.fixture
def station(engine: Engine) -> Station:
    """Where the officer works."""
    return make_station(engine, province_code="01")


@pytest.fixture
def officer(engine: Engine, keys: Keys, station: Station) -> Credentials:
    """A duty officer who can sign in."""
    return make_staff(engine, keys, station_id=station.id)


@pytest.fixture
async def admin(app: FastAPI, engine: Engine) -> AsyncIterator[httpx.AsyncClient]:
    """An admin, signed in."""
    async with caller(app, make_officer(engine, None, role=StaffRole.ADMIN)) as made:
        yield made


@pytest.fixture
async def anyone(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A caller without a session, at an address of their own."""
    async with caller(app) as client:
        yield client
