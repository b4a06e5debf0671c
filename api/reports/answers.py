"""What a phone is answered to a batch: each of its items for itself."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from api import problems
from api.i18n import Language
from api.reports import schemas
from api.reports.lifecycle import Outcome

RETRY_AFTER = "Retry-After"


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


def wait_of(outcomes: Iterable[Outcome]) -> int | None:
    """The seconds after which all that were put off may come again; None when none was."""
    waits = [
        int(each.headers[RETRY_AFTER])
        for each in outcomes
        if isinstance(each, problems.Problem) and RETRY_AFTER in each.headers
    ]
    return max(waits, default=None)


@dataclass
class BatchAnswers:
    """Answers the items of a batch, in order; an id's second appearance is a repetition."""

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
        status = 201 if outcome.created and not again else 200
        body = schemas.AcceptedOut.model_validate_json(outcome.answer)
        return schemas.BatchItemOut(id=str(item.id), status=status, body=body)

    def _problem(self, item_id: str | None, problem: problems.Problem) -> schemas.BatchItemOut:
        body = problems.document(problem, self.language or "vi", self.request_id)
        return schemas.BatchItemOut(
            id=item_id,
            status=problem.status,
            problem=problems.ProblemDocument.model_validate(body),
        )
