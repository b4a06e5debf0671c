"""Firebase Cloud Messaging: the one module here that imports firebase_admin.

The library is kept from retrying by itself: the outbox does that, knows what the provider asked
for, and holds no thread while it waits. For that, and to talk to another endpoint, its messaging
service is reached through names it keeps private; they are used in `_quiet_service` only.
"""

import datetime as dt
import email.utils
import threading
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import firebase_admin
import requests
from firebase_admin import credentials, exceptions, messaging
from google.auth.exceptions import GoogleAuthError
from requests.adapters import HTTPAdapter

from notifications.messages import push_text
from notifications.outbox import TTL
from notifications.senders import Outcome, Push, Word

POOL_SIZE = 100
"""Connections kept open, more than a worker has threads."""


class _BoundedAdapter(HTTPAdapter):
    """Sends without retries, and gives all requests of one push together a limited time.

    A push may need several: an access token, the message, and both again after a 401.
    """

    def __init__(self, timeout: dt.timedelta) -> None:
        super().__init__(pool_connections=POOL_SIZE, pool_maxsize=POOL_SIZE, max_retries=0)
        self._seconds = timeout.total_seconds()
        self._push = threading.local()

    def start(self) -> None:
        """From here runs the time of this thread's next push."""
        self._push.deadline = time.monotonic() + self._seconds

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        """Send within what is left of the time; requests.Timeout when nothing is."""
        left = self._push.deadline - time.monotonic()
        if left <= 0:
            raise requests.exceptions.Timeout("The time of this push is over.", request=request)
        return super().send(request, *args, **{**kwargs, "timeout": left})


def _quiet_service(app: firebase_admin.App, endpoint: str | None, adapter: HTTPAdapter) -> None:
    """Make the messaging service of `app` send through `adapter` alone, and to our endpoint."""
    service = messaging._get_messaging_service(app)
    session = service._client.session
    session._max_refresh_attempts = 1
    for each in (session, session._auth_request_session):
        each.adapters.clear()
        each.mount("https://", adapter)
        each.mount("http://", adapter)
    if endpoint is not None:
        service._fcm_url = f"{endpoint.rstrip('/')}/v1/projects/{app.project_id}/messages:send"


class FcmSender:
    """Hands pushes to FCM's HTTP v1 interface; several threads may share one."""

    def __init__(self, credentials_file: Path, endpoint: str | None, timeout: dt.timedelta) -> None:
        """Read a service account's key; ValueError or OSError where that cannot be done.

        `endpoint` is the base URL of the service, None for Google's own. `timeout`
        bounds the waiting for each answer, and for all that one push needs together.
        """
        self._app = firebase_admin.initialize_app(
            credentials.Certificate(str(credentials_file)), name=f"push-{uuid.uuid4()}"
        )
        self._adapter = _BoundedAdapter(timeout)
        _quiet_service(self._app, endpoint, self._adapter)

    def send(self, push: Push) -> Outcome:
        """Hand over one push, trying once."""
        self._adapter.start()
        try:
            name = messaging.send(message(push), app=self._app)
        except exceptions.FirebaseError as error:
            return _outcome(error)
        except (GoogleAuthError, requests.exceptions.RequestException) as error:
            return Outcome("retry", reason=type(error).__name__)
        return Outcome("sent", message_name=_storable(name))

    def close(self) -> None:
        """Let go of the connections; not from inside an event loop, the library runs its own."""
        firebase_admin.delete_app(self._app)
        self._adapter.close()


def message(push: Push) -> messaging.Message:
    """All that ever leaves: words that say nothing, and the acknowledgement's opaque id.

    The id is also the collapse key, so that a phone shows a push that came twice only once.
    """
    title, body = push_text(push.kind, push.language)
    ack_id = str(push.acknowledgement_id)
    built = messaging.Message(
        notification=messaging.Notification(title=title, body=body),
        data={"ack_id": ack_id},
        android=messaging.AndroidConfig(
            ttl=TTL, collapse_key=ack_id, notification=messaging.AndroidNotification(tag=ack_id)
        ),
        apns=messaging.APNSConfig(
            headers={
                "apns-collapse-id": ack_id,
                "apns-expiration": str(int(time.time() + TTL.total_seconds())),
            }
        ),
    )
    # FCM takes registration tokens and installation ids alike in `token`, but in `fid` only the ids
    # of apps that opted in. Given to the constructor it warns that phones should move to the ids.
    built.token = push.token
    return built


def _storable(name: str) -> str:
    """The provider's name of a message, without anything a database would choke on."""
    return "".join(each for each in str(name) if each.isascii() and each.isprintable())[:200]


def _outcome(error: exceptions.FirebaseError) -> Outcome:
    """What FCM's refusal means to us. A 403 or 404 that is not about the token is our own mistake
    of configuration, so the push is kept for later."""
    answer = error.http_response
    return Outcome(
        _word(error),
        retry_after=None
        if answer is None
        else retry_after(answer.headers, dt.datetime.now(dt.UTC)),
        reason=type(error).__name__,
    )


def _word(error: exceptions.FirebaseError) -> Word:
    if isinstance(error, messaging.UnregisteredError):
        return "unregistered"
    if isinstance(error, messaging.SenderIdMismatchError):
        return "mismatched"
    if isinstance(error, exceptions.InvalidArgumentError):
        return "invalid"
    return "retry"


def retry_after(headers: Mapping[str, str], now: dt.datetime) -> dt.timedelta | None:
    """What a Retry-After header asks for, in seconds or as an HTTP date; else None.

    A date is taken relative to the answer's own Date, so that our clock does not matter.
    """
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return dt.timedelta(seconds=min(int(value[:9]), TTL.total_seconds()))
    until, sent = _http_date(value), _http_date(headers.get("Date", ""))
    if until is None:
        return None
    return max(until - (sent or now), dt.timedelta())


def _http_date(value: str) -> dt.datetime | None:
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
