"""What a reporter is answered, made of what is stored."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from api import problems
from api.clock import local
from api.i18n import Language
from api.reports import receipts, schemas
from api.reports.intake import Intake, Stored
from api.reports.lifecycle import Outcome
from api.reports.routing import routing_answer
from notifications import messages


def accepted(
    stored: Stored, *, report_id: uuid.UUID, intake: Intake, language: Language
) -> dict[str, Any]:
    """The answer to a report: the same whenever it is sent again, whatever happened since.

    It is an `AcceptedOut`; plain, because making the models takes as long as routing the report.
    """
    received_at = local(stored.received_at)
    routing = routing_answer(stored.routing)
    call = intake.categories[stored.category].emergency_call
    return {
        "id": report_id,
        "state": "received",
        "received_at": received_at,
        "receipt": {
            "code": intake.keys.receipt_code(report_id),
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


@dataclass(frozen=True)
class BadItem:
    """An item of a batch that is no report; `id` only when it has one that can be repeated."""

    id: str | None
    problem: problems.Problem


def read_item(raw: Any, language: Language) -> schemas.BatchItemIn | BadItem:
    """One item of a batch, judged for itself."""
    try:
        return schemas.BatchItemIn.model_validate(raw)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        return BadItem(readable_id(raw), problems.invalid(found, language))


def readable_id(raw: Any) -> str | None:
    """The item's id, if it is a UUID: the phone must know which one to mend."""
    try:
        return str(uuid.UUID(raw["id"]))
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


@dataclass
class BatchAnswers:
    """Answers the items of a batch, in order; an id's second appearance is a repetition."""

    intake: Intake
    outcomes: Mapping[uuid.UUID, Outcome]
    reports: Mapping[uuid.UUID, schemas.ReportIn]
    language: Language | None
    request_id: str | None
    _answered: set[uuid.UUID] = field(default_factory=set)

    def item(self, item: schemas.BatchItemIn | BadItem) -> schemas.BatchItemOut:
        """What became of one item."""
        if isinstance(item, BadItem):
            return self._problem(item.id, item.problem)
        outcome: Outcome = self.outcomes[item.id]
        again = item.id in self._answered
        self._answered.add(item.id)
        if again and item.report() != self.reports[item.id]:
            outcome = problems.ReportIdReused()
        if isinstance(outcome, problems.Problem):
            return self._problem(str(item.id), outcome)
        body = accepted(
            outcome.stored,
            report_id=item.id,
            intake=self.intake,
            language=self.language or item.language,
        )
        status = 201 if outcome.created and not again else 200
        return schemas.BatchItemOut(
            id=str(item.id), status=status, body=schemas.AcceptedOut.model_validate(body)
        )

    def _problem(self, item_id: str | None, problem: problems.Problem) -> schemas.BatchItemOut:
        body = problems.document(problem, self.language or "vi", self.request_id)
        return schemas.BatchItemOut(
            id=item_id,
            status=problem.status,
            problem=problems.ProblemDocument.model_validate(body),
        )
