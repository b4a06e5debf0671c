"""What a reporter is answered to a report, made of what is stored."""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic_core import to_json

from api import problems
from api.clock import local
from api.i18n import Language
from api.reports import receipts
from api.reports.categories import Category
from api.reports.routing import routing_answer
from notifications import messages


class Stored(NamedTuple):
    """What a report's answer is made of, the first time and every other."""

    id: uuid.UUID
    kind: str
    category: str
    language: str
    received_at: dt.datetime
    body_sha256: bytes
    reporter_key: bytes | None
    receipt_key_id: str
    receipt_signature: bytes
    acknowledgement_id: uuid.UUID
    routing: dict[str, Any]


@dataclass(frozen=True)
class Accepted:
    """A stored report, whether this request stored it, and the answer to its sender (JSON)."""

    stored: Stored
    created: bool
    answer: bytes


def answer_to(
    report_id: uuid.UUID,
    code: str,
    stored: Stored,
    *,
    categories: Mapping[str, Category],
    language: Language,
) -> bytes:
    """The answer to a report with a receipt code, in JSON.

    It is the same whenever the report is sent again, whatever happened since.

    It is an `AcceptedOut`, but making one of those takes as long as routing the report.
    """
    received_at = local(stored.received_at)
    routing = routing_answer(stored.routing)
    call = categories[stored.category].emergency_call
    answer = {
        "id": report_id,
        "state": "received",
        "received_at": received_at,
        "receipt": {
            "code": code,
            "body_sha256": stored.body_sha256.hex(),
            "key_id": stored.receipt_key_id,
            "signature": receipts.encode(stored.receipt_signature),
        },
        "routing": routing,
        "acknowledgement": {
            "id": stored.acknowledgement_id,
            "kind": "report.received",
            "text": messages.render(
                "report.received", language, {"station": routing["station"]["name"]}
            ),
            "created_at": received_at,
        },
        "emergency": problems.emergency(call, language) if call else None,
    }
    return to_json(answer)
