"""What a provider of pushes is to us: it takes one push and says what became of it."""

import datetime as dt
import uuid
from dataclasses import dataclass, field
from typing import Literal, Protocol

Word = Literal["sent", "unregistered", "mismatched", "invalid", "retry"]
"""What can become of an attempt.

sent: the provider took it, which does not mean "delivered". unregistered, mismatched: the token is
dead for ever. invalid: the provider will never take this message. retry: later, perhaps.
"""


@dataclass(frozen=True)
class Push:
    """One wake-up: where to, of what kind, in which language, and the opaque id of what waits."""

    token: str = field(repr=False)
    kind: str
    language: str
    acknowledgement_id: uuid.UUID


@dataclass(frozen=True)
class Outcome:
    """What became of one attempt, in the provider's own words reduced to ours."""

    word: Word
    message_name: str | None = None
    """The provider's name of the message it took."""
    retry_after: dt.timedelta | None = None
    """The provider's wish not to hear of it earlier."""
    reason: str | None = None
    """A class of error for the log, never its text, which may repeat the token."""


class Sender(Protocol):
    """Hands a push to a provider; safe to call from several threads at once."""

    def send(self, push: Push) -> Outcome:
        """Try once, within a bounded time."""
        ...
