"""Officers of any station, and a phone that reports."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from tests.api.moves.police import Police
from tests.factories import caller
from tests.town import Town


@pytest.fixture
async def police(unlimited_app: FastAPI, engine: Engine, town: Town) -> AsyncIterator[Police]:
    """Everybody."""
    async with AsyncExitStack() as stack, caller(unlimited_app) as phone:
        device = (await phone.post("/v1/devices", json={})).json()
        phone.headers["Authorization"] = f"Bearer {device['token']}"
        yield Police(unlimited_app, engine, stack, phone)
