"""A station with an urgent tip, the worker, and the service at any time."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, create_engine

from api.clocks.book import ClockBook
from api.clocks.rules import Shelf
from api.reports.tables import Report
from geo.tables import Station
from tests.api.at_a_time import Then
from tests.api.overdue.climbing import reported
from tests.factories import make_station, unique
from tests.town import Town


@pytest.fixture
def province(engine: Engine) -> str:
    """A province of this test's own."""
    return unique("P")


@pytest.fixture
def station(engine: Engine, province: str) -> Station:
    """A ward station."""
    return make_station(engine, id=unique("w-"), province_code=province)


@pytest.fixture
def then(app: FastAPI, engine: Engine, station: Station, town: Town) -> Then:
    """The service at any time."""
    return Then(app, engine, station)


@pytest.fixture
def worker(engine: Engine) -> Iterator[Engine]:
    """The worker's engine: its role only."""
    made = create_engine(engine.url, connect_args={"options": "-c role=tinbao_worker"})
    yield made
    made.dispose()


@pytest.fixture
def book(engine: Engine) -> ClockBook:
    """The rules and the calendar as they are shipped."""
    with engine.connect() as connection:
        return Shelf().book(connection)


@pytest.fixture
def case(engine: Engine, station: Station, book: ClockBook) -> Report:
    """An urgent tip."""
    return reported(engine, station, book)
