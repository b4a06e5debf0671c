"""The steps that officers take: one route for each."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Header, Request, Response

from api import problems
from api.clock import Now
from api.guards import StrictRoute
from api.i18n import Speak
from api.triage import moves, work
from api.triage import step_schemas as bodies
from api.triage.answers import case_after
from api.triage.correction import correct
from api.triage.lifecycle import Act
from api.triage.queries import CaseOfficer, OfficerSession
from api.triage.schemas import CaseOut
from api.triage.versions import WITH_VERSION, etag, versions

STEP_ANSWERS = WITH_VERSION | problems.documented(
    problems.MalformedRequest,
    problems.NotAuthenticated,
    problems.RoleNotAllowed,
    problems.ReadOnlyCase,
    problems.CrossSiteRequest,
    problems.NotFound,
    problems.TransitionNotAllowed,
    problems.CaseClaimed,
    problems.PreconditionFailed,
    problems.InvalidRequest,
    problems.PreconditionRequired,
    problems.ServiceUnavailable,
)
"""What a step can be answered."""

router = APIRouter(
    prefix="/v1/cases/{case_id}",
    route_class=StrictRoute,
    tags=["steps of a case"],
    responses=STEP_ANSWERS,
)


async def act_asked(
    case_id: uuid.UUID,
    officer: CaseOfficer,
    now: Now,
    if_match: Annotated[
        str | None, Header(description="The ETag of the version you are looking at")
    ] = None,
) -> Act:
    """Who acts on which case, in which versions they saw of it."""
    if if_match is None:
        raise problems.PreconditionRequired
    return Act(officer, case_id, versions(if_match), now)


CaseAct = Annotated[Act, Depends(act_asked)]


class Answer:
    """Answers a step with the case as it is now."""

    def __init__(self, response: Response, act: CaseAct, session: OfficerSession) -> None:
        self.response, self.act, self.session = response, act, session

    async def case(self) -> CaseOut:
        """The case, with its version for the next step."""
        case = await case_after(self.session, self.act)
        self.response.headers["ETag"] = etag(case.version)
        return case


Answering = Annotated[Answer, Depends(Answer)]


@router.post("/acknowledgement")
async def acknowledge_case(
    act: CaseAct,
    session: OfficerSession,
    answer: Answering,
    _: Annotated[bodies.NothingIn | None, Body()] = None,
) -> CaseOut:
    """Take a case into the station's register; the reporter is told its number."""
    await work.acknowledge(session, act)
    return await answer.case()


@router.post("/claim")
async def claim_case(
    act: CaseAct,
    session: OfficerSession,
    answer: Answering,
    claim: Annotated[bodies.ClaimIn | None, Body()] = None,
) -> CaseOut:
    """Work on a case alone for 30 minutes; each act of yours on it begins them anew.

    A reason takes it from a colleague.
    """
    await work.claim(session, act, reason=None if claim is None else claim.reason)
    return await answer.case()


@router.delete("/claim", responses=problems.documented(problems.NotClaimed))
async def release_case(act: CaseAct, session: OfficerSession, answer: Answering) -> CaseOut:
    """Give your own claim back."""
    await work.release(session, act)
    return await answer.case()


@router.post("/assignment")
async def assign_case(
    assignment: bodies.AssignmentIn,
    act: CaseAct,
    session: OfficerSession,
    answer: Answering,
    language: Speak,
) -> CaseOut:
    """Say whose task a case is: a chief of anybody of the station, others of themselves."""
    await work.assign(
        session, act, username=assignment.username, note=assignment.note, language=language
    )
    return await answer.case()


@router.post("/progress")
async def progress_case(
    progress: bodies.ProgressIn, act: CaseAct, session: OfficerSession, answer: Answering
) -> CaseOut:
    """Say that work has begun, or goes on after a question; the reporter reads the public text."""
    await work.progress(session, act, public_text=progress.public_text, note=progress.note)
    return await answer.case()


@router.post("/transfer", responses=problems.documented(problems.StationNotEligible))
async def transfer_case(
    request: Request,
    transfer: bodies.TransferIn,
    act: CaseAct,
    session: OfficerSession,
    answer: Answering,
) -> CaseOut:
    """Hand a case to the station it belongs to; it is received there, and its clock runs on.

    You go on seeing it, unless it went to oversight.
    """
    await moves.transfer(
        session,
        act,
        station_id=transfer.station_id,
        reason=transfer.reason,
        atlas=request.app.state.atlases.current(act.now),
    )
    return await answer.case()


@router.post("/bounce", responses=problems.documented(problems.StationNotEligible))
async def bounce_case(
    request: Request,
    bounce: bodies.BounceIn,
    act: CaseAct,
    session: OfficerSession,
    answer: Answering,
) -> CaseOut:
    """Hand a case back to the station that transferred it; the third time the province decides."""
    await moves.bounce(
        session, act, reason=bounce.reason, atlas=request.app.state.atlases.current(act.now)
    )
    return await answer.case()


@router.post("/correction", responses=problems.documented(problems.StationNotEligible))
async def correct_case(
    request: Request,
    correction: bodies.CorrectionIn,
    act: CaseAct,
    session: OfficerSession,
    answer: Answering,
    language: Speak,
) -> CaseOut:
    """Mend place, category, urgency or kind. Another place is routed anew, like a transfer."""
    state = request.app.state
    await correct(
        session,
        act,
        correction,
        atlas=state.atlases.current(act.now),
        categories=state.refresher.reference.categories,
        language=language,
    )
    return await answer.case()
