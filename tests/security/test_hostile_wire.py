"""Hostile bytes on the wire to a real process: what no client library would send."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from api.problems import PROBLEM_JSON, ProblemDocument
from api.settings import Settings
from tests.security.hostile import MARK, RAW_REQUESTS
from tests.service import Service, running
from tests.town import Town

PATIENCE_S = 10.0


@pytest.fixture(scope="module")
def service(
    settings: Settings, town: Town, engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """The service as a process, impatient with bodies that do not come."""
    home: Path = tmp_path_factory.mktemp("wire")
    extra = {
        "TINBAO_KEYS_DIR": str(settings.keys),
        "TINBAO_BODY_TIMEOUT": "PT1S",
        "TINBAO_SERVICE_DATABASE_URL": str(settings.service_database_url),
    }
    with running(home, str(settings.database_url), extra) as made:
        yield made


def exchanged(service: Service, request: bytes) -> bytes:
    """Everything the service says to these bytes until it closes, or says no more."""
    url = httpx.URL(service.base_url)
    said = b""
    with socket.create_connection((url.host, url.port or 80), timeout=PATIENCE_S) as wire:
        with contextlib.suppress(ConnectionError):  # it may refuse before it has everything
            wire.sendall(request)
        wire.settimeout(3.0)
        with contextlib.suppress(TimeoutError, ConnectionError):
            while received := wire.recv(65536):
                said += received
    return said


@pytest.mark.parametrize("name", RAW_REQUESTS)
def test_a_hostile_request_is_refused_or_answered_but_breaks_nothing(
    service: Service, name: str
) -> None:
    said = exchanged(service, RAW_REQUESTS[name])

    head, _, body = said.partition(b"\r\n\r\n")
    assert MARK.encode().lower() not in said.lower()
    if said:
        status = int(head.split(b" ")[1])
        assert status < 500
        if status >= 400:
            assert PROBLEM_JSON.encode() in head.lower()
            assert ProblemDocument.model_validate_json(body).status == status
    assert httpx.get(f"{service.base_url}/healthz").status_code == 200


def test_no_log_line_repeats_any_of_it(service: Service) -> None:
    for request in RAW_REQUESTS.values():
        exchanged_quickly(service, request)
    logs = service.log("serve").read_text(errors="replace")

    assert "request.answered" in logs
    assert MARK.lower() not in logs.lower()
    assert "Traceback" not in logs


def exchanged_quickly(service: Service, request: bytes) -> None:
    url = httpx.URL(service.base_url)
    with socket.create_connection((url.host, url.port or 80), timeout=PATIENCE_S) as wire:
        wire.settimeout(0.2)
        with contextlib.suppress(OSError):
            wire.sendall(request)
            wire.recv(65536)
