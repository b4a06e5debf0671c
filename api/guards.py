"""What stands before every route: request id, size and time limits, strict JSON, no bare 500.

Plain ASGI, because it runs for every request.
"""

import asyncio
import json
import logging
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import parse_qsl, unquote_to_bytes

import structlog
from fastapi import Request
from fastapi._compat import field_annotation_is_sequence
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems
from api.i18n import language_of
from api.lanes import is_away
from api.telemetry import REQUESTS

log = structlog.get_logger()

KIB = 1024
SMALL, LARGE = 64 * KIB, 4096 * KIB
LARGE_BODIES = ("/v1/reports/batch", "/v1/locate/batch")
STREAMS = frozenset(
    {
        "/v1/queue/events",
        "/v1/exports/cases.csv",
        "/v1/exports/cases.geojson",
        "/v1/exports/cases.xlsx",
    }
)
"""Answers that go on for as long as somebody listens."""
LONGEST_LENGTH = 10
"""Digits of a Content-Length; Python refuses to read thousands of them."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

NOT_JSON = "not JSON"

SLOW_S = 1.0
MOST_UNDER_WAY = 2000

SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
]


class Guard:
    """Gives each request an id, bounds its body, and turns every failure into a problem."""

    def __init__(self, app: ASGIApp, *, body_seconds: float, answer_seconds: float) -> None:
        self.app = app
        self.body_seconds, self.answer_seconds = body_seconds, answer_seconds
        self.under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        scope["tinbao.request_id"] = request_id = uuid.uuid4().hex
        status, begun = 500, False

        async def send_marked(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status, begun = message["status"], True
                headers = message.setdefault("headers", [])
                present = {name for name, _ in headers}
                headers += [pair for pair in SECURITY_HEADERS if pair[0] not in present]
                headers.append((b"x-request-id", request_id.encode()))
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                body = await self.read_body(scope, receive)
                await self.answer(scope, replay(body, receive), send_marked)
            except Exception as error:
                problem = problem_of(error)
                if not begun:  # else the server cuts the connection: the answer lacks its end
                    await problems.answer(Request(scope), problem)(scope, receive, send_marked)
            finally:
                record(scope, status, time.perf_counter() - started)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the app answer, in time; too much at once is refused honestly rather than queued."""
        if self.under_way >= MOST_UNDER_WAY:
            raise problems.ServiceUnavailable
        self.under_way += 1
        try:
            async with asyncio.timeout(None if scope["path"] in STREAMS else self.answer_seconds):
                await self.app(scope, receive, send)
        except TimeoutError:
            raise problems.ServiceUnavailable from None
        finally:
            self.under_way -= 1

    async def read_body(self, scope: Scope, receive: Receive) -> bytes:
        """The whole body, within the route's size and the time allowed."""
        check_bytes(scope)
        limit = LARGE if scope["path"] in LARGE_BODIES else SMALL
        headers = dict(scope["headers"])
        declared = headers.get(b"content-length", b"0")
        if not declared.isdigit() or len(declared) > LONGEST_LENGTH or int(declared) > limit:
            raise problems.BodyTooLarge(limit=limit)
        body = bytearray()
        try:
            async with asyncio.timeout(self.body_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise problems.RequestTimeout
                    body += message.get("body", b"")
                    if len(body) > limit:
                        raise problems.BodyTooLarge(limit=limit)
                    if not message.get("more_body", False):
                        break
        except TimeoutError:
            raise problems.RequestTimeout(headers={"Connection": "close"}) from None
        if body and not is_json(headers.get(b"content-type", b"")):
            raise problems.UnsupportedMediaType
        return bytes(body)


def problem_of(error: Exception) -> problems.Problem:
    """What to answer to a failure: a database that cannot answer is an honest 503, and whatever
    else nobody has expected a fault of ours."""
    if isinstance(error, problems.Problem):
        return error
    if is_away(error):
        return problems.ServiceUnavailable()
    log.error("request.failed", exc_info=error)
    return problems.InternalError()


def check_bytes(scope: Scope) -> None:
    """Refuse a path or query that is not UTF-8 or has a NUL: no database could hold it.

    A NUL is refused as it is in a body.
    """
    for raw in (scope.get("raw_path") or b"", scope["query_string"]):
        plain = unquote_to_bytes(raw)
        try:
            plain.decode()
        except UnicodeDecodeError:
            raise problems.MalformedRequest from None
        if b"\0" in plain:
            error = {"type": "text_control", "loc": ()}
            language = language_of(Request(scope))
            raise problems.InvalidRequest(errors=problems.field_errors([error], language))


def is_json(content_type: bytes) -> bool:
    """Whether a Content-Type names JSON in UTF-8."""
    kind, _, parameters = content_type.decode("latin-1").lower().partition(";")
    charset = parameters.partition("charset=")[2].strip().strip('"')
    return kind.strip() == "application/json" and charset in ("", "utf-8", "utf8")


def replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives a body already read, then whatever comes after it."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def record(scope: Scope, status: int, seconds: float) -> None:
    """One metric a request, and a log line for those worth one, by route template: paths hold ids.

    Whatever else a client invents is in neither. Requests that went well and fast are only counted
    unless the log level is `debug`.
    """
    route = getattr(scope.get("route"), "path", "unmatched")
    method = scope["method"] if scope["method"] in METHODS else "other"
    REQUESTS.labels(method, route, status).observe(seconds)
    worth = status >= HTTPStatus.BAD_REQUEST or seconds > SLOW_S
    if not worth and not logging.getLogger().isEnabledFor(logging.DEBUG):
        return
    log.info(
        "request.answered",
        method=method,
        route=route,
        status=status,
        ms=round(seconds * 1000, 1),
    )


def unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names are all different."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate name")
    return found


class NotFiniteError(ValueError):
    """A body says NaN or Infinity."""


def no_constant(_: str) -> Any:
    """NaN and Infinity are not JSON."""
    raise NotFiniteError


_decoder = json.JSONDecoder(object_pairs_hook=unique_names, parse_constant=no_constant)
_lax = json.JSONDecoder(object_pairs_hook=unique_names)


def strict_json(body: bytes) -> Any:
    """Parse a body as RFC 8259 says and no more; raises `json.JSONDecodeError`.

    Its message is `problems.NOT_FINITE` where nothing but NaN or Infinity is wrong.
    """
    try:
        return _decoder.decode(body.decode("utf-8"))
    except NotFiniteError:
        raise json.JSONDecodeError(reason_of(body), "", 0) from None
    except (ValueError, RecursionError):
        raise json.JSONDecodeError(NOT_JSON, "", 0) from None


def reason_of(body: bytes) -> str:
    """What is wrong with a body that says NaN or Infinity: that alone, or more."""
    try:
        _lax.decode(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return NOT_JSON
    return problems.NOT_FINITE


class StrictRequest(Request):
    """A request whose JSON is read strictly."""

    async def json(self) -> Any:
        """The parsed body."""
        return strict_json(await self.body())


@dataclass(frozen=True)
class QueryNames:
    """The names that a route's query may have; those of lists also more than once."""

    single: frozenset[str] = frozenset()
    several: frozenset[str] = frozenset()

    @classmethod
    def of(cls, dependant: Dependant) -> Self:
        """What a route and all that it depends on declare."""
        fields = dict(query_fields(dependant))
        several = {name for name, kind in fields.items() if field_annotation_is_sequence(kind)}
        return cls(frozenset(fields.keys() - several), frozenset(several))

    def check(self, request: Request) -> None:
        """Refuse any other name, and one that is given twice; a word misspelt is no filter."""
        raw = request.scope["query_string"]
        if not raw:
            return
        given = [name for name, _ in parse_qsl(raw.decode("latin-1"), keep_blank_values=True)]
        if not self.several.issuperset(given):
            single = [name for name in given if name not in self.several]
            if not self.single.issuperset(single):
                raise problems.at_query("extra_forbidden", "", language_of(request))
            for name in single:
                if single.count(name) > 1:
                    raise problems.at_query("given_twice", name, language_of(request))


NO_NAMES = QueryNames()


def query_fields(dependant: Dependant) -> Iterator[tuple[str, Any]]:
    """The names of a query and their types; a model's fields are names of their own."""
    for field in dependant.query_params:
        kind = field.field_info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            for name, inner in kind.model_fields.items():
                yield inner.alias or name, inner.annotation
        else:
            yield field.alias, kind
    for each in dependant.dependencies:
        yield from query_fields(each)


class StrictRoute(APIRoute):
    """A route that reads its body with `StrictRequest`, and knows every name of its query."""

    def get_route_handler(self) -> Any:
        """Hand the strict request to FastAPI's own handler."""
        handler = super().get_route_handler()
        names = QueryNames.of(self.dependant)

        async def strict(request: Request) -> Any:
            names.check(request)
            return await handler(StrictRequest(request.scope, request.receive))

        return strict
