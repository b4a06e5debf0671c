"""The server's HTTP: a request that cannot even be read is refused with a problem document too."""

import asyncio
import json
import uuid

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api import problems

HEADERS_WITHIN_S = 10.0
"""From the connection, or the first byte of a later request, to the end of its headers."""

ON_STOP = "tinbao.on_stop"
"""Where a request's scope holds what to call when the server stops before its answer has ended."""

HEAD = "HTTP/1.1 400 Bad Request\r\n{headers}\r\n"


def refusal() -> bytes:
    """The answer to bytes that are no HTTP; nothing of them is in it."""
    problem = problems.MalformedRequest()
    request_id = uuid.uuid4().hex
    body = json.dumps(problems.document(problem, "vi", request_id), ensure_ascii=False).encode()
    headers = {
        "Content-Type": problems.PROBLEM_JSON,
        "Content-Length": str(len(body)),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "X-Request-Id": request_id,
        "Connection": "close",
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return HEAD.format(headers=lines).encode() + body


class Protocol(HttpToolsProtocol):
    """uvicorn's own, in our manner, and patient only for so long with headers half sent."""

    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody connects: their time runs."""
        super().connection_made(transport)
        self._wait_for_headers()

    def data_received(self, data: bytes) -> None:
        """Something arrives; whole headers begin a request, and a request's body is the Guard's."""
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._wait_for_headers()
        else:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """They are gone."""
        self._stop_waiting()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """The server stops: what would never end by itself is told so."""
        if self.cycle is not None and not self.cycle.response_complete:
            on_stop = dict(self.cycle.scope).get(ON_STOP)
            if callable(on_stop):
                on_stop()
        super().shutdown()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - as uvicorn calls it
        """Refuse and close; uvicorn would answer `msg` as plain text."""
        self.transport.write(refusal())
        self.transport.close()

    def _wait_for_headers(self) -> None:
        """More bytes buy no more time. uvicorn's own handler closes the connection."""
        if self._patience is None:
            self._patience = self.loop.call_later(HEADERS_WITHIN_S, self.timeout_keep_alive_handler)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
