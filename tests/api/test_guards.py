"""What stands before every route: sizes, times, strict JSON, and a problem for every failure."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import structlog
from fastapi import FastAPI, HTTPException
from prometheus_client import REGISTRY
from pydantic import BaseModel

from api import problems
from api.guards import LARGE, SMALL, Guard, StrictRoute, is_json, strict_json

JSON = {"Content-Type": "application/json"}


class Words(BaseModel):
    """Anything."""

    words: str


def small_app() -> FastAPI:
    """Two routes behind the guard; one of them fails."""
    app = FastAPI()
    app.add_middleware(Guard, body_seconds=0.3, answer_seconds=5)
    problems.install(app)
    app.router.route_class = StrictRoute

    @app.post("/words")
    async def length(words: Words) -> int:
        return len(words.words)

    @app.post("/v1/reports/batch")
    async def long_length(words: Words) -> int:
        return len(words.words)

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("a secret of the reporter")

    @app.get("/teapot")
    async def teapot() -> None:
        raise HTTPException(418, "a secret of the reporter")

    return app


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who calls that app."""
    transport = httpx.ASGITransport(small_app(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as made:
        yield made


def words_of(size: int) -> bytes:
    """A good body of so many bytes."""
    frame = len(b'{"words":""}')
    return b'{"words":"' + b"x" * (size - frame) + b'"}'


async def pieces(content: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


@pytest.mark.parametrize(("path", "limit"), [("/words", SMALL), ("/v1/reports/batch", LARGE)])
async def test_a_body_may_be_as_large_as_its_route_allows(
    client: httpx.AsyncClient, path: str, limit: int
) -> None:
    fits = await client.post(path, content=words_of(limit), headers=JSON)
    too_large = await client.post(path, content=words_of(limit + 1), headers=JSON)

    assert (fits.status_code, too_large.status_code) == (200, 413)
    assert too_large.json()["code"] == "body-too-large"
    assert str(limit) in too_large.json()["detail"]


async def test_a_body_in_pieces_is_counted_as_it_comes(client: httpx.AsyncClient) -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1000
            yield b"x" * 1000

    fits = await client.post("/words", content=pieces(words_of(SMALL)), headers=JSON)
    too_large = await client.post("/words", content=endless(), headers=JSON)

    assert (fits.status_code, too_large.status_code) == (200, 413)
    assert taken <= SMALL + 2000


@pytest.mark.parametrize("length", ["31457280", "-1", "+5", "many", "1e3", "9" * 5000, "", "٥"])
async def test_a_declared_length_is_judged_before_the_body(
    client: httpx.AsyncClient, length: str
) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", length.encode())]
    answer = await client.post("/words", content=b'{"words":""}', headers=headers)

    assert answer.status_code == 413


async def test_a_body_that_does_not_come_is_not_waited_for(client: httpx.AsyncClient) -> None:
    async def stalled() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(30)

    answer = await client.post("/words", content=stalled(), headers=JSON)

    assert answer.status_code == 408
    assert answer.headers["Connection"] == "close"


@pytest.mark.parametrize(
    ("content_type", "good"),
    [
        ("application/json", True),
        ("Application/JSON", True),
        ("application/json; charset=utf-8", True),
        ('application/json; charset="UTF8"', True),
        ("application/json; charset=utf-16", False),
        ("application/json; charset=latin-1", False),
        ("application/jsonp", False),
        ("application/x-www-form-urlencoded", False),
        ("multipart/form-data; boundary=x", False),
        ("text/plain", False),
        ("", False),
    ],
)
def test_only_json_in_utf8_is_read(content_type: str, good: bool) -> None:
    assert is_json(content_type.encode()) == good


BAD_JSON: dict[str, bytes] = {
    "nothing": b"",
    "NaN and no end": b'{"a": NaN',
    "NaN and duplicate names": b'{"a": NaN, "a": 1}',
    "duplicate names": b'{"a": 1, "a": 1}',
    "duplicate names deep inside": b'[{"a": {"b": 1, "b": 2}}]',
    "duplicate names spelled differently": b'{"a": 1, "\\u0061": 2}',
    "UTF-16": json.dumps({"a": 1}).encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "bad UTF-8": b'{"a": "\xff"}',
    "an encoded surrogate": b'{"a": "\xed\xa0\x80"}',
    "overlong UTF-8": b'{"a": "\xc0\x80"}',
    "100,000 nested arrays": b"[" * 100_000 + b"]" * 100_000,
    "100,000 nested objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "5,000 digits": b'{"a": ' + b"9" * 5000 + b"}",
    "trailing text": b"{} {}",
    "single quotes": b"{'a': 1}",
    "a comment": b"{} // why not",
}


@pytest.mark.parametrize("body", BAD_JSON.values(), ids=BAD_JSON)
async def test_what_is_not_json_is_malformed(client: httpx.AsyncClient, body: bytes) -> None:
    with pytest.raises(json.JSONDecodeError):
        strict_json(body)

    answer = await client.post("/v1/reports/batch", content=body, headers=JSON)

    assert answer.status_code == (400 if body else 422)


NOT_FINITE: dict[str, bytes] = {
    "NaN": b'{"words": NaN}',
    "Infinity": b'{"words": [{"a": Infinity}]}',
    "-Infinity": b"[-Infinity]",
}


@pytest.mark.parametrize("body", NOT_FINITE.values(), ids=NOT_FINITE)
async def test_a_number_that_is_none_is_named(client: httpx.AsyncClient, body: bytes) -> None:
    with pytest.raises(json.JSONDecodeError):
        strict_json(body)

    answer = await client.post("/v1/reports/batch", content=body, headers=JSON)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")
    assert [each["code"] for each in answer.json()["errors"]] == ["finite_number"]


@pytest.mark.parametrize("target", ["/words?a=%00", "/words?%00=a", "/%00", "/words/a%00b"])
async def test_a_nul_in_a_url_is_refused_as_in_a_body(
    client: httpx.AsyncClient, target: str
) -> None:
    answer = await client.get(target)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")
    assert [each["code"] for each in answer.json()["errors"]] == ["text_control"]


@pytest.mark.parametrize("target", ["/words?a=%ff", "/%ff", "/%ed%a0%80"])
async def test_a_url_that_no_database_could_hold_is_malformed(
    client: httpx.AsyncClient, target: str
) -> None:
    answer = await client.get(target)

    assert answer.status_code == 400
    assert answer.json()["code"] == "malformed-request"


async def test_a_failure_of_ours_is_a_problem_that_tells_nothing(client: httpx.AsyncClient) -> None:
    with structlog.testing.capture_logs() as logged:
        answer = await client.get("/broken")

    assert answer.status_code == 500
    assert answer.json()["code"] == "internal-error"
    assert "secret" not in answer.text
    assert [line["log_level"] for line in logged if line["event"] == "request.failed"] == ["error"]


async def test_an_error_of_the_framework_is_a_problem_too(client: httpx.AsyncClient) -> None:
    answers = {
        "http-error": await client.get("/teapot"),
        "not-found": await client.get("/nowhere"),
        "method-not-allowed": await client.delete("/words"),
    }

    for code, answer in answers.items():
        assert answer.json().keys() == problems.ProblemDocument.model_fields.keys()
        assert answer.headers["Content-Type"] == problems.PROBLEM_JSON
        assert answer.json()["code"] == code
        assert answer.json()["emergency"]["call"] == "113"
        assert "secret" not in answer.text
    assert answers["method-not-allowed"].headers["Allow"] == "POST"


async def test_every_answer_has_an_id_of_its_own_and_the_security_headers(
    client: httpx.AsyncClient,
) -> None:
    answers = [await client.post("/words", json={"words": "x"}), await client.get("/nowhere")]

    ids = {answer.headers["X-Request-Id"] for answer in answers}
    assert len({uuid.UUID(each) for each in ids}) == 2
    assert answers[1].json()["request_id"] == answers[1].headers["X-Request-Id"]
    for answer in answers:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"


async def test_the_language_changes_sentences_and_never_codes(client: httpx.AsyncClient) -> None:
    async def asked(language: str) -> dict[str, Any]:
        headers = {"Accept-Language": language}
        answer: dict[str, Any] = (await client.get("/nowhere", headers=headers)).json()
        return answer | {"request_id": None}

    vi, en = await asked("vi"), await asked("en")

    assert vi["title"] != en["title"]
    assert vi["detail"] != en["detail"]
    assert (vi["code"], vi["type"], vi["status"]) == (en["code"], en["type"], en["status"])


def labels_of(name: str) -> set[str]:
    found: Callable[[], Any] = REGISTRY.collect
    return {
        value
        for metric in found()
        for sample in metric.samples
        for label, value in sample.labels.items()
        if label == name
    }


async def test_what_a_client_invents_is_in_no_metric(client: httpx.AsyncClient) -> None:
    await client.request("INVENTED", "/words")
    await client.get("/invented?by=me")

    assert not any("INVENTED" in value.upper() for value in labels_of("method"))
    assert not any("invented" in value for value in labels_of("route"))
