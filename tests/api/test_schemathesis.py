"""The service answers as its own document says, whatever the document allows to be asked."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import schemathesis
import uvicorn
from fastapi import FastAPI
from hypothesis import HealthCheck
from hypothesis import settings as examples
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy import Engine

from api.accounts.identity import DEVICE_PREFIX, new_token
from api.accounts.tables import Device
from api.app import create_app
from api.local.client import uuid7
from api.secrets import Keys, token_hash
from api.settings import LimitSettings, Settings
from tests.factories import keep, make_officer
from tests.town import Town

EXAMPLES = 12
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
DOCUMENT = create_app(
    Settings(mode="demo", database_url="postgresql://nobody@127.0.0.1/none")
).openapi()
STREAM = "/v1/queue/events"
"""For whom it is for, its answer does not end."""
schema = schemathesis.openapi.from_dict(DOCUMENT, config=SchemathesisConfig())


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The app on a port of its own, in a thread with a loop of its own."""
    config = uvicorn.Config(app, port=0, log_config=None, ws="none", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def url(town: Town, settings: Settings) -> Iterator[str]:
    """Where the service is, with a town and without limits."""
    app = create_app(settings.model_copy(update={"limits": LimitSettings(factor=0)}))
    with serving(app) as url:
        app.state.refresher.refresh(everything=True)
        yield url


@pytest.fixture(scope="module")
def bearers(engine: Engine, keys: Keys, town: Town) -> dict[str, str]:
    """Good credentials for each side."""
    device = new_token(DEVICE_PREFIX)
    keep(engine, Device(id=uuid7(), token_hash=token_hash(device)))
    return {"reporter": device, "staffSession": make_officer(engine, f"w-{town.south}")}


def credentials(case: schemathesis.Case[Any], bearers: dict[str, str]) -> dict[str, str]:
    """Credentials of the side the operation is for; those that would end are made up."""
    definition = case.operation.definition.raw
    kinds = {name for each in definition.get("security", []) for name in each}
    ending = case.method == "DELETE" or case.path.endswith("rotation")
    for kind in kinds & bearers.keys():
        token = new_token(DEVICE_PREFIX) if ending else bearers[kind]
        return {"Authorization": f"Bearer {token}"}
    return {}


@schema.exclude(path=STREAM).parametrize()
@examples(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_the_service_answers_as_its_document_says(
    case: schemathesis.Case[Any], url: str, bearers: dict[str, str]
) -> None:
    case.call_and_validate(
        base_url=url, headers=credentials(case, bearers), checks=CHECKS, timeout=30
    )


@schema.parametrize()
@examples(
    max_examples=4,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_without_credentials_it_does_too(case: schemathesis.Case[Any], url: str) -> None:
    case.call_and_validate(base_url=url, checks=CHECKS, timeout=30)
