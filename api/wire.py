"""The server's HTTP: a request that cannot even be read is refused with a problem document too."""

import json
import uuid

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api import problems

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
    """uvicorn's own, in our manner."""

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - as uvicorn calls it
        """Refuse and close; uvicorn would answer `msg` as plain text."""
        self.transport.write(refusal())
        self.transport.close()
