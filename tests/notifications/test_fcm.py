"""The sender against the stand-in: what FCM says, and what we make of it."""

import datetime as dt
import time
import uuid
from pathlib import Path

import pytest

from notifications import messages
from notifications.fcm import FcmSender, retry_after
from notifications.senders import Outcome, Push
from tests.stand_ins.running import Fcm

KIND = "report.received"
ACK = uuid.UUID("0b6f0c5e-6d3c-4a53-9a0e-0d8f1e8f5a11")
NOW = dt.datetime(2026, 11, 22, 21, 40, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("token", "word", "reason", "wait_s", "attempts"),
    [
        ("ok-1", "sent", None, None, 1),
        ("unreg-1", "unregistered", "UnregisteredError", None, 1),
        ("mismatch-1", "mismatched", "SenderIdMismatchError", None, 1),
        ("inval-1", "invalid", "InvalidArgumentError", None, 1),
        ("quota-1", "retry", "QuotaExceededError", 2, 1),
        ("quota0-1", "retry", "QuotaExceededError", None, 1),
        ("unavail-1", "retry", "UnavailableError", 1, 1),
        ("dated-1", "retry", "UnavailableError", 3, 1),
        ("internal-1", "retry", "InternalError", None, 1),
        ("apns-1", "retry", "ThirdPartyAuthError", None, 2),
        ("drop-1", "retry", "UnavailableError", None, 1),
        ("missing-1", "retry", "NotFoundError", None, 1),
        ("forbidden-1", "retry", "PermissionDeniedError", None, 1),
    ],
)
def test_each_answer_of_fcm_has_one_outcome_and_the_library_does_not_retry(
    fcm: Fcm,
    sender: FcmSender,
    token: str,
    word: str,
    reason: str | None,
    wait_s: float | None,
    attempts: int,
) -> None:
    outcome = sender.send(Push(token, KIND, "vi", ACK))

    assert (outcome.word, outcome.reason) == (word, reason)
    assert outcome.retry_after == (None if wait_s is None else dt.timedelta(seconds=wait_s))
    assert (outcome.message_name is not None) == (word == "sent")
    assert len(fcm.attempts(token)) == attempts


@pytest.mark.parametrize("where", ["message", "access token"])
def test_a_hanging_provider_holds_a_thread_for_a_bounded_time(
    fcm: Fcm, hasty: FcmSender, where: str
) -> None:
    fcm.control(mode="hang") if where == "message" else fcm.control(token_mode="hang")
    started = time.monotonic()

    outcome = hasty.send(Push("ok-1", KIND, "vi", ACK))

    assert outcome.word == "retry"
    assert time.monotonic() - started < 1.5


def test_a_failing_token_endpoint_is_tried_again_later(fcm: Fcm, hasty: FcmSender) -> None:
    fcm.control(token_mode="unavail")

    outcome = hasty.send(Push("ok-1", KIND, "vi", ACK))

    assert outcome.word == "retry"
    assert fcm.attempts("ok-1") == []


def test_a_provider_that_is_not_there_is_tried_again_later(fcm: Fcm) -> None:
    nowhere = FcmSender(fcm.credentials_file, "http://127.0.0.1:9", dt.timedelta(seconds=1))

    outcome = nowhere.send(Push("ok-1", KIND, "vi", ACK))

    assert outcome == Outcome("retry", reason="UnavailableError")
    nowhere.close()


def test_a_name_nobody_can_store_is_cleaned(sender: FcmSender) -> None:
    outcome = sender.send(Push("odd-1", KIND, "vi", ACK))

    assert outcome == Outcome("sent", message_name="projects//messages/1")


def test_an_access_token_is_asked_for_once(fcm: Fcm, sender: FcmSender) -> None:
    for _ in range(3):
        sender.send(Push("ok-1", KIND, "vi", ACK))

    assert fcm.stats()["access_tokens"] == 1


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_a_push_holds_words_that_say_nothing_and_an_opaque_id(
    fcm: Fcm, sender: FcmSender, language: str
) -> None:
    sender.send(Push("ok-1", KIND, language, ACK))

    (message,) = fcm.stats()["accepted"]
    expires = int(message["apns"]["headers"].pop("apns-expiration"))
    title, body = messages.PUSH[language]
    assert message == {
        "token": "ok-1",
        "notification": {"title": title, "body": body},
        "data": {"ack_id": str(ACK)},
        "android": {
            "ttl": "86400s",
            "collapse_key": str(ACK),
            "notification": {"tag": str(ACK)},
        },
        "apns": {"headers": {"apns-collapse-id": str(ACK)}},
    }
    assert expires == pytest.approx(time.time() + 86_400, abs=30)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "120"}, 120),
        ({"Retry-After": " 7 "}, 7),
        ({"Retry-After": "99999999999999999999"}, 86_400),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "²"}, None),
        ({"Retry-After": "Sun, 22 Nov 2026 21:41:00 GMT"}, 60),
        ({"Retry-After": "Sun, 22 Nov 2026 21:39:00 GMT"}, 0),
        (
            {
                "Retry-After": "Sun, 22 Nov 2026 09:00:10 GMT",
                "Date": "Sun, 22 Nov 2026 09:00:00 GMT",
            },
            10,
        ),
    ],
)
def test_retry_after_is_read_in_seconds_and_as_a_date(
    headers: dict[str, str], seconds: float | None
) -> None:
    asked = retry_after(headers, NOW)

    assert asked == (None if seconds is None else dt.timedelta(seconds=seconds))


def test_a_file_that_is_no_service_account_is_refused(tmp_path: Path) -> None:
    (tmp_path / "no.json").write_text("{}")

    with pytest.raises(ValueError, match="service account"):
        FcmSender(tmp_path / "no.json", None, dt.timedelta(seconds=1))


def test_a_token_does_not_show_in_a_push_written_to_a_log() -> None:
    assert "secret" not in repr(Push("secret", KIND, "vi", ACK))
