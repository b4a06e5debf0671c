"""A small HTTP client for talking to one's own service, and ids as phones make them."""

import json
import os
import time
import urllib.error
import urllib.request
import uuid
from typing import Any


def uuid7() -> uuid.UUID:
    """An id as phones make it: milliseconds since 1970, then random bits (RFC 9562)."""
    random = int.from_bytes(os.urandom(10))
    milliseconds = time.time_ns() // 1_000_000
    value = milliseconds << 80 | 0x7 << 76 | (random >> 64 & 0xFFF) << 64
    return uuid.UUID(int=value | 0b10 << 62 | random & (1 << 62) - 1)


DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Whatever proxy the environment names, it is not for one's own machine."""


class Client:
    """A small HTTP client of one service."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url

    def call(
        self, method: str, path: str, body: Any = None, token: str = "", **headers: str
    ) -> tuple[int, Any, str | None]:
        """Status, JSON and ETag of an answer."""
        sent = {"Content-Type": "application/json", **headers}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - our own base_url
            self.base_url + path, data=data, headers=sent, method=method
        )
        try:
            with DIRECT.open(request, timeout=20) as answer:
                return answer.status, read(answer.read()), answer.headers.get("ETag")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, read(error.read()), None


def read(raw: bytes) -> Any:
    """JSON, or nothing."""
    return json.loads(raw) if raw else None
