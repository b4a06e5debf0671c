"""The service on a real database, called in this process."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from api.app import create_app
from api.secrets import Keys, create_keys, load_keys
from api.settings import LimitSettings, Settings
from tests.town import Town, load_town


@pytest.fixture(scope="session")
def settings(
    tmp_path_factory: pytest.TempPathFactory, database_url: str, service_database_url: str
) -> Settings:
    """A demo's settings, with every limit in force."""
    home: Path = tmp_path_factory.mktemp("home")
    made = Settings.model_validate(
        {
            "mode": "demo",
            "home": home,
            "database_url": database_url.replace("+psycopg", ""),
            "service_database_url": service_database_url.replace("+psycopg", ""),
        }
    )
    create_keys(made.keys)
    return made


@pytest.fixture(scope="session")
def keys(settings: Settings) -> Keys:
    """The service's keys."""
    return load_keys(settings.keys)


@pytest.fixture(scope="session")
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    """The service, started."""
    made = create_app(settings)
    async with made.router.lifespan_context(made):
        yield made


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who calls the service."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as made:
        yield made


@pytest.fixture(scope="session")
async def town(app: FastAPI, engine: Engine, settings: Settings) -> Town:
    """Two wards on a coast, in force in every process of this test run."""
    made = load_town(engine, settings.keys)
    app.state.refresher.refresh(everything=True)
    return made


@pytest.fixture(scope="session")
async def unlimited_app(town: Town, settings: Settings) -> AsyncIterator[FastAPI]:
    """The same service on the same database without rate limits, for tests about other things."""
    made = create_app(settings.model_copy(update={"limits": LimitSettings(factor=0)}))
    async with made.router.lifespan_context(made):
        made.state.refresher.refresh(everything=True)
        yield made


@pytest.fixture
async def unlimited(unlimited_app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who may call that one as often as they like."""
    transport = httpx.ASGITransport(unlimited_app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as made:
        yield made
