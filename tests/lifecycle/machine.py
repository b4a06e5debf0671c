"""Random lives of cases: anybody tries any step of the table, and each answer is judged.

Everything comes from `api.triage.steps`: a new step is tried as soon as it is in the table. Only a
body with a field of a new name must be taught here (`VALUES`).
"""

import datetime as dt
import uuid
from collections import Counter
from typing import Any, ClassVar

import httpx
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from sqlalchemy import Row

from api.reports.routing import about_police
from api.reports.tables import CLOSED, ReportKind, State
from api.triage.steps import REOPENED, STEPS, Step
from geo.tables import StationKind
from tests.lifecycle.world import LATEST, STATIONS, Case, Person, World
from tests.town import AT_SEA, IN_NORTH, IN_SOUTH

MESSAGE_IDS = [uuid.UUID(int=n, version=4) for n in range(3)]
REASONS = ("handled_on_site", "nothing_found", "false_report")
PLACES = [
    *({"lon": lon, "lat": lat, "source": "pin"} for lon, lat in (IN_SOUTH, IN_NORTH, AT_SEA)),
    {"source": "unknown", "ward_code": "00001"},
]
NEVER_HELD_UP = {"report.extension_granted", "report.extension_refused"}
"""What a chief decides while an officer works on the case."""
ON_ANOTHER_CASE = {"report.merged"}
"""What a step may leave in the history of a case that it was not taken on."""
GENERAL = {
    "not-found",
    "read-only-case",
    "role-not-allowed",
    "precondition-failed",
    "transition-not-allowed",
    "case-claimed",
}
"""Refusals that the table explains; others are about what a step says."""
ABOUT_WHAT_IT_SAYS = {"report.assigned", "report.dismissed", "report.resolved"} | NEVER_HELD_UP
"""Steps that some roles may take with some words only."""
WAITS = (dt.timedelta(minutes=31), dt.timedelta(days=15))
"""Longer than a claim lasts; longer than a closed case can be reopened."""

Rows = dict[uuid.UUID, Row[Any]]


class Life(RuleBasedStateMachine):
    """A few cases and everybody who may meddle with them."""

    world: ClassVar[World]
    tried: ClassVar[Counter[tuple[str, str]]] = Counter()
    """How often each step was tried, and with what answer."""
    begun: ClassVar[int] = 0
    """How many lives there were."""

    @initialize()
    def report(self) -> None:
        """New cases."""
        type(self).begun += 1
        self.world.begin()
        self.cases = self.world.cases()
        self.rows = self.world.snapshot(self.cases)

    @rule(data=st.data())
    def act(self, data: st.DataObject) -> None:
        """Somebody tries a step, mostly one that makes sense; now and then time has passed."""
        if data.draw(st.integers(0, 19)) == 13 and self.world.now < self.world.began + LATEST / 2:
            self.world.now += data.draw(st.sampled_from(WAITS))
        case = data.draw(st.sampled_from(self.cases))
        before, sense = self.rows[case.case_id], data.draw(st.integers(0, 9)) < 8
        step = data.draw(st.sampled_from(sensible(before.state) if sense else [*STEPS.values()]))
        person = data.draw(st.sampled_from(self.people(step, before, sense=sense)))
        body = {
            name: data.draw(self.value(name))
            for name, field in step.body.model_fields.items()
            if field.is_required() or data.draw(st.booleans())
        }
        version = before.version - (not sense and data.draw(st.booleans()))
        answer = self.send(case, step, person, body, version)
        after = self.world.snapshot(self.cases)
        self.tried[step.name, outcome(answer)] += 1
        Judgement(step, person, body, version, answer, self.world, case, self.rows, after).pass_()
        self.rows = after

    def people(self, step: Step, before: Row[Any], *, sense: bool) -> list[Person]:
        """Who might try a step: with sense, who has a right to."""
        if step.by_reporter:
            return [self.world.reporter] if sense else [self.world.stranger, *self.world.staff]
        if not sense:
            return [*self.world.staff, self.world.reporter]
        return [
            each
            for each in self.world.staff
            if each.station == before.station_id and each.role in step.roles
        ]

    def value(self, name: str) -> st.SearchStrategy[Any]:
        """Good and bad values of a field of a body, by its name."""
        values: dict[str, list[Any]] = {
            "approved": [True, False],
            "category": ["noise", "violence", "officer_conduct", "no-such-category"],
            "clock": ["outcome", "first_response"],
            "id": [str(each) for each in MESSAGE_IDS],
            "kind": [str(each) for each in ReportKind],
            "note": ["Một lời dặn."],
            "of": [str(each.case_id) for each in self.cases] + [str(uuid.UUID(int=0))],
            "place": PLACES,
            "public_text": ["Đang xem xét."],
            "reason": ["Có lý do."],
            "reason_code": [*REASONS],
            "satisfied": [True, False],
            "station_id": [*STATIONS, "w-none"],
            "text": ["Một câu."],
            "until": [(self.world.now + dt.timedelta(days=30)).date().isoformat()],
            "urgency": [1, 2, 3],
            "username": [None, *(each.username for each in self.world.staff[::3])],
        }
        return st.sampled_from(values[name])

    def send(
        self, case: Case, step: Step, person: Person, body: dict[str, Any], version: int
    ) -> httpx.Response:
        """The request of a step."""
        if step.by_reporter:
            url = f"/v1/my/reports/{case.report_id}/{step.path}"
        else:
            url = f"/v1/cases/{case.case_id}/{step.path}"
        tag = {"If-Match": f'"{version}"'}
        sent = None if step.method == "DELETE" else body
        return self.world.ask(person, step.method, url, json=sent, headers=tag)

    def teardown(self) -> None:
        """Whoever looks at the cases sees one owner, and the registers have no gap."""
        if not hasattr(self, "rows"):
            return
        for case in self.cases:
            row = self.rows[case.case_id]
            for station in {row.station_id, *row.informed, self.world.some_station(case)}:
                someone = next(each for each in self.world.staff if each.station == station)
                seen = self.world.ask(someone, "GET", f"/v1/cases/{case.case_id}", patient=True)
                expected = {row.station_id: "owner"} | dict.fromkeys(row.informed, "informed")
                relation = seen.json()["relation"] if seen.status_code == 200 else None
                assert relation == expected.get(station), (station, expected)
        assert self.world.gaps() == []


def sensible(state: str) -> list[Step]:
    """Steps that fit a state; those that lead on several times, or most lives would end early."""
    fitting = [each for each in STEPS.values() if state in each.leads]
    on = (State.ACKNOWLEDGED, State.IN_PROGRESS, State.NEED_INFO)
    forward = [each for each in fitting if each.reopens or each.leads[State(state)] in on]
    return fitting + 3 * [each for each in forward if each.leads[State(state)] != state]


class Judgement:
    """Whether an answer, and what the database says after it, are right."""

    def __init__(
        self,
        step: Step,
        person: Person,
        body: dict[str, Any],
        version: int,
        answer: httpx.Response,
        world: World,
        case: Case,
        before: Rows,
        after: Rows,
    ) -> None:
        self.step, self.person, self.body, self.version = step, person, body, version
        self.answer, self.world = answer, world
        self.all_before, self.all_after = before, after
        self.before, self.after = before[case.case_id], after[case.case_id]
        self.kinds = {
            each.name
            for each in STEPS.values()
            if (each.by_reporter, each.method, each.path)
            == (step.by_reporter, step.method, step.path)
        }
        """The names of the steps that share the route."""

    def pass_(self) -> None:
        """Raises AssertionError where something is wrong."""
        if not self.answer.is_success:
            self.refused()
        elif tuple(self.before) != tuple(self.after):
            self.done()
        else:
            assert self.all_before == self.all_after, "a repeat that changed another case"
        for row in self.all_after.values():
            check_owner(row)

    def refused(self) -> None:
        """Nothing is half done, and the reason is one."""
        code = self.answer.json()["code"]
        assert self.answer.status_code in {401, 403, 404, 409, 412, 422, 503}, self.answer.text
        assert self.all_before == self.all_after, f"{code} left something behind"
        if self.may() and not (code == "role-not-allowed" and self.kinds & ABOUT_WHAT_IT_SAYS):
            assert code not in GENERAL, f"{self.step.name} was refused: {code}"

    def done(self) -> None:
        """It was allowed, leads where the table says, and left one trace of each kind."""
        assert self.may(), f"{self.step.name} was not theirs to take"
        before, after = self.before, self.after
        events = after.events[len(before.events) :]
        moved = after.station_id != before.station_id
        leads = State.RECEIVED if moved else self.step.leads[before.state]
        assert after.state == leads
        assert after.version > before.version
        assert len(events) == 1
        assert events[0] in self.kinds
        assert after.audited[len(before.audited) :] == events
        changed = moved or after.state != before.state
        tells = STEPS[events[0]].tells
        told = tells == "always" or (tells == "when moved" and moved)
        assert told or not changed, f"nobody was told of {events[0]}"
        assert after.inbox[len(before.inbox) :] == (events if told else [])
        if before.state in CLOSED and after.state != before.state:
            assert events == [REOPENED.name]
        assert (after.closed_at is not None) == (after.state in CLOSED)
        self.others_stay()

    def others_stay(self) -> None:
        """No other case changed, but that one may be told of a link."""
        for case_id, before in self.all_before.items():
            after = self.all_after[case_id]
            if case_id == self.before.case_id or before == after:
                continue
            events = after.events[len(before.events) :]
            assert set(events) <= ON_ANOTHER_CASE
            assert after.audited[len(before.audited) :] == events
            assert (after.state, after.station_id) == (before.state, before.station_id)
            assert after.inbox == before.inbox

    def may(self) -> bool:
        """Whether the table lets this person take the step on the case as it was."""
        if self.before.state not in self.step.leads:
            return False
        if self.step.by_reporter:
            return self.person is self.world.reporter
        return (
            self.person.role in self.step.roles
            and self.person.station == self.before.station_id
            and self.version == self.before.version
            and not self.held_up()
        )

    def held_up(self) -> bool:
        """Whether a colleague has claimed the case, and this does not go past it."""
        before, now = self.before, self.world.now
        claimed = before.claimed_by is not None and before.claimed_until > now
        if not claimed or before.claimed_by == self.person.staff_id:
            return False
        stolen = self.step.name == "report.claimed" and self.body.get("reason") is not None
        return not stolen and not self.kinds & NEVER_HELD_UP


def check_owner(row: Row[Any]) -> None:
    """One station owns the case; what is about the police no ward and no desk even sees."""
    assert row.station_id not in row.informed
    assert len(set(row.informed)) == len(row.informed)
    if about_police(kind=row.kind, category=row.category, about_station=row.about_station):
        assert row.station_kind in (StationKind.OVERSIGHT, StationKind.NATIONAL_DESK)
        assert row.informed == []


def outcome(answer: httpx.Response) -> str:
    """What to count an answer as."""
    return "done" if answer.is_success else str(answer.json()["code"])


LIVES = settings(
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
"""How lives are tried, but for how many and how long; a life that fails is shown as it was."""
