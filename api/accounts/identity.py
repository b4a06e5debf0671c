"""Who is reporting or asking: nobody, a device, a Firebase account, or the holder of a receipt."""

import asyncio
import base64
import binascii
import secrets
import uuid
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Annotated, Any

import firebase_admin
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param
from firebase_admin import auth, exceptions
from google.auth.credentials import AnonymousCredentials

from api import problems
from api.accounts.tables import ReporterKind
from api.clock import Now
from api.secrets import Keys, token_hash
from api.settings import Settings

DEVICE_PREFIX, RECEIPT_PREFIX, STAFF_PREFIX = "tbd_", "tbr_", "tbs_"
RECEIPT_SECONDS = 15 * 60
CLOCK_SKEW_S = 60
"""A phone half a minute behind would otherwise be told its fresh token is used too early."""


@dataclass(frozen=True)
class ReporterIdentity:
    """Who sends a report: `key` is the keyed hash that links it to them, None when nobody.

    `principal` names them to the rate limits only.
    """

    kind: ReporterKind
    key: bytes | None
    principal: str
    device_id: uuid.UUID | None = None

    @property
    def recipient(self) -> bytes:
        """The key of a reporter who is somebody."""
        if self.key is None:
            raise problems.NotAuthenticated
        return self.key


ANONYMOUS = ReporterIdentity(ReporterKind.ANONYMOUS, None, "")


@dataclass(frozen=True)
class ReaderIdentity:
    """Who reads reports and the inbox: a reporter, or the holder of one report's receipt."""

    recipient: bytes | None
    subject: uuid.UUID | None


_scheme = HTTPBearer(
    auto_error=False,
    scheme_name="reporter",
    description="A device token, a Firebase ID token, or a receipt's token where it is accepted",
)
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_scheme)]


def new_token(prefix: str) -> str:
    """A bearer token of 256 random bits."""
    return prefix + secrets.token_urlsafe(32)


def address_of(request: Request) -> str:
    """The client's network address, for rate limits only: never stored, never logged.

    Of an IPv6 address its /64, all of which one subscriber has.
    """
    host = request.client.host if request.client else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped or IPv6Network((address, 64), strict=False))
    return host


async def address_asked(request: Request) -> str:
    """`address_of` as a dependency."""
    return address_of(request)


Address = Annotated[str, Depends(address_asked)]


def firebase_app(settings: Settings) -> Any | None:
    """The Firebase app that verifies ID tokens, when the settings name a project."""
    project = settings.firebase_project
    credential = None
    if settings.push.credentials_file is not None:
        credential = firebase_admin.credentials.Certificate(str(settings.push.credentials_file))
        project = project or credential.project_id
    if project is None:
        return None
    return firebase_admin.initialize_app(
        credential or _NoCredential(), {"projectId": project}, name=f"identity-{uuid.uuid4()}"
    )


class _NoCredential(firebase_admin.credentials.Base):  # type: ignore[misc]
    """Verifying an ID token needs only Google's public keys."""

    def get_credential(self) -> Any:
        """Firebase's client wants some at its start; nothing is ever asked with them."""
        return AnonymousCredentials()  # type: ignore[no-untyped-call]


async def account_of(request: Request, token: str) -> str | None:
    """The uid of a valid Firebase ID token; problems of Google's keys are a 503, not a 401.

    A token of hostile JSON makes the library stumble in ways of its own: it is no good either.
    """
    app = request.app.state.firebase
    if app is None or token.count(".") != 2:
        return None
    try:
        claims = await asyncio.to_thread(
            auth.verify_id_token, token, app, clock_skew_seconds=CLOCK_SKEW_S
        )
    except auth.CertificateFetchError:
        raise problems.ServiceUnavailable(10) from None
    except (ValueError, TypeError, AttributeError, RecursionError, exceptions.FirebaseError):
        return None
    return str(claims["uid"])


async def reporter_of(request: Request) -> ReporterIdentity:
    """The reporter behind a request; without a token it is nobody, with a bad one a 401."""
    authorization = request.headers.get("authorization")
    if authorization is None:
        return ANONYMOUS
    scheme, token = get_authorization_scheme_param(authorization)
    if scheme.lower() != "bearer":
        raise problems.NotAuthenticated
    keys: Keys = request.app.state.keys
    if token.startswith(DEVICE_PREFIX):
        device = await request.app.state.hot.find_device(token_hash(token))
        if device is not None:
            principal = f"device:{device}"
            key = keys.reporter_key(principal)
            return ReporterIdentity(ReporterKind.DEVICE, key, principal, device)
    else:
        uid = await account_of(request, token)
        if uid is not None:
            principal = f"account:{uid}"
            return ReporterIdentity(ReporterKind.ACCOUNT, keys.reporter_key(principal), principal)
    raise problems.NotAuthenticated


async def identify(request: Request, _: Bearer) -> ReporterIdentity:
    """`reporter_of` as a dependency, with its scheme in the document."""
    return await reporter_of(request)


Reporter = Annotated[ReporterIdentity, Depends(identify)]


async def known(reporter: Reporter) -> ReporterIdentity:
    """A reporter who is somebody: a device or an account."""
    if reporter.key is None:
        raise problems.NotAuthenticated
    return reporter


KnownReporter = Annotated[ReporterIdentity, Depends(known)]


def receipt_token(keys: Keys, stored_id: uuid.UUID, now: float) -> tuple[str, int]:
    """A token that reads one report for 15 minutes from `now`, and when it ends (Unix seconds).

    No row is kept of it: it authenticates itself.
    """
    expires = int(now) + RECEIPT_SECONDS
    message = stored_id.bytes + expires.to_bytes(8)
    packed = base64.urlsafe_b64encode(message + keys.bearer_mac(message)).decode().rstrip("=")
    return RECEIPT_PREFIX + packed, expires


def open_receipt_token(keys: Keys, token: str, now: float) -> uuid.UUID | None:
    """The stored id a receipt token reads, while it is good (`now` in Unix seconds)."""
    try:
        raw = base64.b64decode(
            token.removeprefix(RECEIPT_PREFIX) + "==", altchars=b"-_", validate=True
        )
    except (binascii.Error, ValueError):
        return None
    message, mac = raw[:24], raw[24:]
    if len(raw) != 40 or not secrets.compare_digest(mac, keys.bearer_mac(message)):
        return None
    if int.from_bytes(message[16:]) < now:
        return None
    return uuid.UUID(bytes=message[:16])


async def identify_reader(request: Request, bearer: Bearer, now: Now) -> ReaderIdentity:
    """The reader behind a request: a known reporter or the holder of a receipt."""
    if bearer is not None and bearer.credentials.startswith(RECEIPT_PREFIX):
        keys = request.app.state.keys
        stored_id = open_receipt_token(keys, bearer.credentials, now.timestamp())
        if stored_id is None:
            raise problems.NotAuthenticated
        return ReaderIdentity(None, stored_id)
    reporter = await known(await reporter_of(request))
    return ReaderIdentity(reporter.key, None)


Reader = Annotated[ReaderIdentity, Depends(identify_reader)]
