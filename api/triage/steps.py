"""The steps of a case: who may take them, from where to where, and what they need.

The only place that says so. A step has one name in the history, in the audit trail and among the
messages (`notifications.messages`).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from pydantic import BaseModel

from api.accounts.tables import StaffRole
from api.clocks import schemas as clock_bodies
from api.reports.tables import CLOSED, OPEN, State
from api.triage import step_schemas as bodies

CASE_STAFF = frozenset({StaffRole.DUTY_OFFICER, StaffRole.STATION_CHIEF, StaffRole.OVERSIGHT})

Leads = Mapping[State, State]


@dataclass(frozen=True)
class Step:
    """A step: `leads` says where it leads from each state in which it may be taken."""

    name: str
    path: str
    """The last part of its route, under the case (or, of a reporter's, under the report)."""
    body: type[BaseModel]
    """What it requires."""
    leads: Leads
    roles: frozenset[StaffRole] = CASE_STAFF
    """Who may take it at the station that owns the case; nobody of it when it is a reporter's."""
    tells: Literal["always", "when moved", "never"] = "always"
    """Whether the reporter gets a message of it."""
    method: Literal["POST", "DELETE"] = "POST"

    @property
    def sources(self) -> Collection[str]:
        """The states it may be taken from."""
        return frozenset(self.leads)

    @property
    def by_reporter(self) -> bool:
        """Whether it is the reporter's own."""
        return not self.roles

    @cached_property
    def closes(self) -> bool:
        """Whether it ends the work on an open case."""
        return all(each in OPEN and to in CLOSED for each, to in self.leads.items())

    @cached_property
    def reopens(self) -> bool:
        """Whether it takes up a closed case again."""
        return all(each in CLOSED and to in OPEN for each, to in self.leads.items())


def to(target: State, *sources: State) -> Leads:
    """From any of the sources to one state."""
    return dict.fromkeys(sources, target)


def staying(*sources: State) -> Leads:
    """The state stays as it is."""
    return {each: each for each in sources}


NOBODY: frozenset[StaffRole] = frozenset()
"""The roles of a reporter's step."""

ACKNOWLEDGED = Step(
    "report.acknowledged",
    "acknowledgement",
    bodies.NothingIn,
    to(State.ACKNOWLEDGED, State.RECEIVED),
)
CLAIMED = Step("report.claimed", "claim", bodies.ClaimIn, staying(*OPEN), tells="never")
RELEASED = Step(
    "report.released", "claim", bodies.NothingIn, staying(*OPEN), tells="never", method="DELETE"
)
ASSIGNED = Step("report.assigned", "assignment", bodies.AssignmentIn, staying(*OPEN), tells="never")
PROGRESSED = Step(
    "report.progressed",
    "progress",
    bodies.ProgressIn,
    to(State.IN_PROGRESS, State.ACKNOWLEDGED, State.NEED_INFO),
)
TRANSFERRED = Step("report.transferred", "transfer", bodies.TransferIn, to(State.RECEIVED, *OPEN))
BOUNCED = Step(
    "report.bounced",
    "bounce",
    bodies.BounceIn,
    to(State.RECEIVED, State.RECEIVED, State.ACKNOWLEDGED),
)
CORRECTED = Step(
    "report.corrected", "correction", bodies.CorrectionIn, staying(*OPEN), tells="when moved"
)

QUESTIONED = Step(
    "report.questioned",
    "question",
    bodies.QuestionIn,
    to(State.NEED_INFO, State.ACKNOWLEDGED, State.IN_PROGRESS),
)
MESSAGED = Step("report.messaged", "message", bodies.MessageIn, staying(*State))
WORKED_ON = (State.ACKNOWLEDGED, State.IN_PROGRESS, State.NEED_INFO)
RESOLVED = Step("report.resolved", "resolution", bodies.OutcomeIn, to(State.RESOLVED, *WORKED_ON))
DISMISSED = Step(
    "report.dismissed", "dismissal", bodies.OutcomeIn, to(State.NOT_ACTIONABLE, *WORKED_ON)
)
CONFIRMED = Step(
    "report.confirmed",
    "confirmation",
    bodies.ConfirmationIn,
    to(State.RESOLVED, State.ACKNOWLEDGED, State.IN_PROGRESS),
)
LINKED = Step("report.linked", "duplicate", bodies.DuplicateIn, to(State.DUPLICATE, *OPEN))
EXTENSION_REQUESTED = Step(
    "report.extension_requested",
    "extension",
    clock_bodies.ExtensionIn,
    staying(*OPEN),
    tells="never",
)
EXTENSION_GRANTED = Step(
    "report.extension_granted",
    "extension/approval",
    clock_bodies.DecisionIn,
    staying(*OPEN),
    tells="never",
)
EXTENSION_REFUSED = replace(EXTENSION_GRANTED, name="report.extension_refused")
URGING_ANSWERED = Step(
    "report.urging_answered",
    "urging/answer",
    clock_bodies.AnswerIn,
    staying(*OPEN),
    tells="never",
)
ANSWERED = Step(
    "report.answered",
    "messages",
    bodies.MessageIn,
    {each: State.IN_PROGRESS if each == State.NEED_INFO else each for each in OPEN},
    roles=NOBODY,
)
WITHDRAWN = Step(
    "report.withdrawn", "withdrawal", bodies.NothingIn, to(State.WITHDRAWN, *OPEN), roles=NOBODY
)
REOPENED = Step(
    "report.reopened", "reopening", bodies.ReopeningIn, to(State.RECEIVED, *CLOSED), roles=NOBODY
)
RATED = Step(
    "report.rated",
    "feedback",
    bodies.FeedbackIn,
    staying(*CLOSED),
    roles=NOBODY,
    tells="never",
)

STEPS: dict[str, Step] = {
    step.name: step
    for step in (
        ACKNOWLEDGED,
        CLAIMED,
        RELEASED,
        ASSIGNED,
        PROGRESSED,
        TRANSFERRED,
        BOUNCED,
        CORRECTED,
        QUESTIONED,
        MESSAGED,
        RESOLVED,
        DISMISSED,
        CONFIRMED,
        LINKED,
        EXTENSION_REQUESTED,
        EXTENSION_GRANTED,
        EXTENSION_REFUSED,
        URGING_ANSWERED,
        ANSWERED,
        WITHDRAWN,
        REOPENED,
        RATED,
    )
}
"""Every step by its name."""
