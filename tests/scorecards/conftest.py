"""The service on a database of each module's own, and a province with a month behind it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, create_engine, make_url

from api.app import create_app
from api.clock import now_asked
from api.secrets import create_keys
from api.settings import Settings
from tests.scorecards.month import NOW, Town, make_town
from tests.town import load_town


@pytest.fixture(scope="module")
def engine(own_engine: Engine) -> Engine:
    """The owner of this module's database."""
    return own_engine


@pytest.fixture(scope="module")
def worker(engine: Engine) -> Iterator[Engine]:
    """The worker's engine: its role only."""
    made = create_engine(engine.url, connect_args={"options": "-c role=tinbao_worker"})
    yield made
    made.dispose()


@pytest.fixture(scope="module")
def settings(
    tmp_path_factory: pytest.TempPathFactory, engine: Engine, service_database_url: str
) -> Settings:
    """A demo's settings; the service has only its own roles."""
    service = make_url(service_database_url).set(
        drivername="postgresql", database=engine.url.database
    )
    owner = engine.url.set(drivername="postgresql")
    home: Path = tmp_path_factory.mktemp("home")
    made = Settings.model_validate(
        {
            "mode": "demo",
            "home": home,
            "database_url": owner.render_as_string(hide_password=False),
            "service_database_url": service.render_as_string(hide_password=False),
            "limits": {"factor": 0},
        }
    )
    create_keys(made.keys)
    return made


@pytest.fixture(scope="module")
async def app(engine: Engine, settings: Settings) -> AsyncIterator[FastAPI]:
    """The service, with an edition in force elsewhere."""
    load_town(engine, settings.keys)
    made = create_app(settings)
    async with made.router.lifespan_context(made):
        made.state.refresher.refresh(everything=True)
        yield made


@pytest.fixture
def on_the_day(app: FastAPI) -> Iterator[None]:
    """It is noon of the day on which the cards are read."""
    app.dependency_overrides[now_asked] = lambda: NOW
    yield
    app.dependency_overrides.clear()


@pytest.fixture(scope="module")
def town(engine: Engine, worker: Engine) -> Town:
    """The province, its month counted."""
    return make_town(engine, worker, NOW)
