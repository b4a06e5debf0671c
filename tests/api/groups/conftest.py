"""A group of the south ward, and who has to do with it."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from api.accounts.tables import StaffRole
from tests.factories import make_officer
from tests.security.circle import STATION, Circle, Person, a_circle
from tests.signing_in import Clock, moving_clock


@pytest.fixture
async def circle(unlimited_app: FastAPI, engine: Engine) -> Circle:
    """A group of the south ward."""
    return await a_circle(unlimited_app, engine)


@pytest.fixture
def admin(unlimited_app: FastAPI, engine: Engine) -> Person:
    """An admin."""
    return Person(unlimited_app, make_officer(engine, None, role=StaffRole.ADMIN))


@pytest.fixture
def officer(unlimited_app: FastAPI, engine: Engine) -> Person:
    """A duty officer of the south ward."""
    return Person(unlimited_app, make_officer(engine, STATION))


@pytest.fixture
def clock(unlimited_app: FastAPI) -> Iterator[Clock]:
    """Moves the service's time."""
    with moving_clock(unlimited_app) as move:
        yield move
