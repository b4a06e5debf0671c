"""Asking, telling, ending: the steps of officers whose words the reporter reads."""

from fastapi import APIRouter

from api import problems
from api.guards import StrictRoute
from api.i18n import Speak
from api.triage import dialogue, outcomes, steps
from api.triage import step_schemas as bodies
from api.triage.queries import OfficerSession
from api.triage.schemas import CaseOut
from api.triage.step_routes import STEP_ANSWERS, Answering, CaseAct

router = APIRouter(
    prefix="/v1/cases/{case_id}",
    route_class=StrictRoute,
    tags=["steps of a case"],
    responses=STEP_ANSWERS,
)


@router.post("/question")
async def question_reporter(
    question: bodies.QuestionIn, act: CaseAct, session: OfficerSession, answer: Answering
) -> CaseOut:
    """Ask the reporter something. The case waits for the answer, and its clocks with it."""
    await dialogue.ask(session, act, text=question.text)
    return await answer.case()


@router.post("/message", responses=problems.documented(problems.MessageIdReused))
async def message_reporter(
    message: bodies.MessageIn, act: CaseAct, session: OfficerSession, answer: Answering
) -> CaseOut:
    """Tell the reporter something, also after the end. The same message again changes nothing."""
    await dialogue.message(session, act, message_id=message.id, text=message.text)
    return await answer.case()


@router.post("/resolution")
async def resolve_case(
    outcome: bodies.OutcomeIn,
    act: CaseAct,
    session: OfficerSession,
    answer: Answering,
    language: Speak,
) -> CaseOut:
    """End a case that was dealt with. The reporter reads the public text, never the note."""
    await outcomes.finish(session, act, steps.RESOLVED, outcome, language=language)
    return await answer.case()


@router.post("/confirmation", responses=problems.documented(problems.NotAReconciliation))
async def confirm_reconciliation(
    confirmation: bodies.ConfirmationIn,
    act: CaseAct,
    session: OfficerSession,
    answer: Answering,
) -> CaseOut:
    """Confirm what a group has reconciled itself; it ends as resolved, with that reason."""
    await outcomes.confirm(
        session, act, note=confirmation.note, public_text=confirmation.public_text
    )
    return await answer.case()


@router.post("/dismissal")
async def dismiss_case(
    outcome: bodies.OutcomeIn,
    act: CaseAct,
    session: OfficerSession,
    answer: Answering,
    language: Speak,
) -> CaseOut:
    """End a case that cannot be acted on. Some reasons are a chief's to give."""
    await outcomes.finish(session, act, steps.DISMISSED, outcome, language=language)
    return await answer.case()


@router.post("/duplicate")
async def link_case(
    link: bodies.DuplicateIn,
    act: CaseAct,
    session: OfficerSession,
    answer: Answering,
    language: Speak,
) -> CaseOut:
    """Say that a case is about what another of the station is about; that one is worked on.

    Each reporter keeps a thread of their own, and sees nothing of the other's.
    """
    await outcomes.link(session, act, of=link.of, note=link.note, language=language)
    return await answer.case()
