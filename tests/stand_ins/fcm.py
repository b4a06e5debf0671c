"""A stand-in for Firebase Cloud Messaging's HTTP v1 interface, run as a process of its own.

    python tests/stand_ins/fcm.py [--port 0] [--seed-file FILE] [--credentials-file FILE]

Prints one line of JSON with its `url` once it listens. `--credentials-file` writes a throw-away
service account whose token_uri points here. What a message gets for an answer:

  1. the `mode` set for everything (by `POST /control` or the seed file), unless it is "by-token";
  2. what the `tokens` of the control name for this registration token;
  3. the token's prefix, up to its first "-"; an unknown prefix is accepted.

Modes and prefixes are the keys of `ANSWERS`, and `ok`, `flaky` (503 twice, then ok), `hang` (never
answers), `drop` (closes the connection), `lost` (takes the message, then closes the connection),
`untrue` (takes it, but says 503), `odd` (takes it, and names it with bytes nobody can store),
`moody` (of 1,000 messages 150 `unavail`, 30 `untrue`, 5 `hang`, as luck will have it).

  POST /token     OAuth tokens; a message without one of them gets a 401
  POST /control   {"mode", "tokens": {token: mode}, "latency_ms", "token_mode"}; each is optional
  GET  /stats     everything seen, see `Seen`
  POST /reset     forgets what was seen and what `control` said, and ends every `hang`
"""

import argparse
import asyncio
import contextlib
import email.utils
import functools
import json
import random
import time
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"

ANSWERS: dict[str, tuple[int, str, str | None, dict[str, str]]] = {
    "unreg": (404, "NOT_FOUND", "UNREGISTERED", {}),
    "missing": (404, "NOT_FOUND", None, {}),
    "inval": (400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", {}),
    "mismatch": (403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH", {}),
    "forbidden": (403, "PERMISSION_DENIED", None, {}),
    "quota": (429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", {"Retry-After": "2"}),
    "quota0": (429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", {}),
    "unavail": (503, "UNAVAILABLE", "UNAVAILABLE", {"Retry-After": "1"}),
    "unavail0": (503, "UNAVAILABLE", "UNAVAILABLE", {}),
    "dated": (503, "UNAVAILABLE", "UNAVAILABLE", {"Retry-After": "in 3 s"}),
    "internal": (500, "INTERNAL", "INTERNAL", {}),
    "apns": (401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR", {}),
}
"""Status, google.rpc code, FCM's own code, headers."""

MOODS = ("unavail", "untrue", "hang", "ok"), (150, 30, 5, 815)
"""What `moody` is, and how often."""


@dataclass
class TokenSeen:
    """What one registration token was used for."""

    times: list[float] = field(default_factory=list)
    """When each attempt came, in seconds of the wall clock."""
    answers: list[int] = field(default_factory=list)
    """The status of each answer, in the order they were given; 0 for a connection closed."""
    under_way: int = 0
    most_at_once: int = 0


@dataclass
class Seen:
    """Everything that reached the stand-in."""

    attempts: int = 0
    under_way: int = 0
    most_at_once: int = 0
    access_tokens: int = 0
    accepted: list[dict[str, Any]] = field(default_factory=list)
    """The whole JSON of each message taken, in order."""
    attempted: list[dict[str, Any]] = field(default_factory=list)
    attempted_at: list[float] = field(default_factory=list)
    """When each of these came, in seconds of the wall clock."""
    tokens: dict[str, TokenSeen] = field(default_factory=dict)


@dataclass
class Control:
    """How to behave."""

    mode: str = "by-token"
    token_mode: str = "ok"
    """Of the OAuth endpoint: ok, unavail (503), hang."""
    latency_ms: float = 0
    tokens: dict[str, str] = field(default_factory=dict)


@dataclass
class Answer:
    """One HTTP answer."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)


class Closed(Exception):  # noqa: N818 - it is no error
    """The connection is to be closed without an answer."""


class StandIn:
    """The service, apart from HTTP."""

    def __init__(self, seed: dict[str, Any]) -> None:
        self.seed, self.seen, self.control = seed, Seen(), Control(**seed)
        self.issued: set[str] = set()
        self.patience_over = asyncio.Event()

    async def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """What `method path` is answered."""
        if (method, path) == ("POST", "/token"):
            return await self.issue()
        if (method, path) == ("GET", "/stats"):
            return Answer(200, asdict(self.seen))
        if (method, path) == ("POST", "/control"):
            for name, value in json.loads(body).items():
                setattr(self.control, name, value)
            return Answer(200, asdict(self.control))
        if (method, path) == ("POST", "/reset"):
            self.patience_over.set()
            self.patience_over = asyncio.Event()
            self.seen, self.control = Seen(), Control(**self.seed)
            return Answer(200, {})
        if method == "POST" and path.startswith("/v1/projects/") and path.endswith(":send"):
            return await self.take(headers, body)
        return Answer(404, {"error": "no such path"})

    async def issue(self) -> Answer:
        """An access token."""
        self.seen.access_tokens += 1
        if self.control.token_mode == "hang":
            await self.hang()
        if self.control.token_mode == "unavail":
            return Answer(503, {"error": "unavailable"})
        token = uuid.uuid4().hex
        self.issued.add(token)
        return Answer(200, {"access_token": token, "expires_in": 3600, "token_type": "Bearer"})

    async def hang(self) -> None:
        """Give no answer, and close the connection at the next reset."""
        await self.patience_over.wait()
        raise Closed

    async def take(self, headers: dict[str, str], body: bytes) -> Answer:
        """One message: count it, and answer as its token or the mode wants."""
        message = json.loads(body)["message"]
        token = message.get("token", "")
        seen = self.seen
        of_token = seen.tokens.setdefault(token, TokenSeen())
        seen.attempts += 1
        seen.attempted.append(message)
        seen.attempted_at.append(time.time())
        of_token.times.append(seen.attempted_at[-1])
        for each in (seen, of_token):
            each.under_way += 1
            each.most_at_once = max(each.most_at_once, each.under_way)
        status = 0
        try:
            answer = await self.judge(headers, message, token, len(of_token.times))
            status = answer.status
            return answer
        finally:
            of_token.answers.append(status)
            for each in (seen, of_token):
                each.under_way -= 1

    async def judge(
        self, headers: dict[str, str], message: dict[str, Any], token: str, attempt: int
    ) -> Answer:
        """The answer to a message."""
        await asyncio.sleep(self.control.latency_ms / 1000)
        if headers.get("authorization", "").removeprefix("Bearer ") not in self.issued:
            return refusal(401, "UNAUTHENTICATED", None)
        if not well_formed(message):
            return refusal(*ANSWERS["inval"])
        mode = self.control.mode
        if mode == "by-token":
            mode = self.control.tokens.get(token, token.split("-", 1)[0])
        if mode == "flaky":
            mode = "unavail" if attempt <= 2 else "ok"
        if mode == "moody":
            (mode,) = random.choices(*MOODS)
        if mode == "hang":
            await self.hang()
        if mode == "drop":
            raise Closed
        if mode in ANSWERS:
            return refusal(*ANSWERS[mode])
        self.seen.accepted.append(message)
        if mode == "lost":
            raise Closed
        if mode == "untrue":
            return refusal(*ANSWERS["unavail"])
        if mode == "odd":
            return Answer(200, {"name": "projects/\0\ud800/messages/1"})
        return Answer(200, {"name": f"projects/demo/messages/{len(self.seen.accepted)}"})


def well_formed(message: dict[str, Any]) -> bool:
    """Whether FCM would understand the message: one target, and strings only in its data."""
    data = message.get("data", {})
    targets = [name for name in ("token", "fid", "topic", "condition") if message.get(name)]
    return len(targets) == 1 and all(isinstance(value, str) for value in data.values())


def refusal(
    status: int, code: str, fcm_code: str | None, headers: dict[str, str] | None = None
) -> Answer:
    """An error as Google's services word it."""
    now = time.time()
    dated = {"Date": email.utils.formatdate(now, usegmt=True)}
    for name, value in (headers or {}).items():
        wanted = email.utils.formatdate(now + 3, usegmt=True) if value == "in 3 s" else value
        dated[name] = wanted
    details = [{"@type": FCM_ERROR, "errorCode": fcm_code}] if fcm_code else []
    error = {"code": status, "message": f"{code}.", "status": code, "details": details}
    return Answer(status, {"error": error}, dated)


async def serve(
    stand_in: StandIn, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """One connection, kept alive."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, Closed):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin1")
            line, *rest = head.split("\r\n")
            method, path, _ = line.split(" ")
            headers = {
                name.lower(): value
                for name, _, value in (each.partition(": ") for each in rest)
                if value
            }
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            answer = await stand_in.answer(method, path, headers, body)
            content = json.dumps(answer.body).encode()
            answer.headers |= {
                "Content-Type": "application/json",
                "Content-Length": str(len(content)),
            }
            lines = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
            writer.write(f"HTTP/1.1 {answer.status} Answer\r\n{lines}\r\n".encode() + content)
            await writer.drain()
    writer.close()


def write_credentials(path: Path, url: str) -> None:
    """A service account that no real service knows, whose access tokens come from `url`."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    account = {
        "type": "service_account",
        "project_id": "stand-in",
        "private_key_id": uuid.uuid4().hex,
        "private_key": pem.decode(),
        "client_email": "worker@stand-in.invalid",
        "client_id": "1",
        "token_uri": f"{url}/token",
    }
    path.write_text(json.dumps(account))


async def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description="A stand-in for FCM's HTTP v1 interface.")
    parser.add_argument("--port", type=int, default=0, help="0 chooses a free one")
    parser.add_argument("--seed-file", type=Path, help="JSON, as for POST /control")
    parser.add_argument("--credentials-file", type=Path, help="where to write a service account")
    arguments = parser.parse_args()
    stand_in = StandIn(json.loads(arguments.seed_file.read_text()) if arguments.seed_file else {})

    connected = functools.partial(serve, stand_in)
    server = await asyncio.start_server(connected, "127.0.0.1", arguments.port, backlog=1024)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    if arguments.credentials_file:
        write_credentials(arguments.credentials_file, url)
    print(json.dumps({"url": url}), flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
