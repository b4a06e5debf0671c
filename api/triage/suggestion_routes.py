"""What an officer looks up while working on a case: reasons to end it, cases of the same thing."""

import uuid

from fastapi import APIRouter, Response

from api import problems
from api.etags import TAGGED, IfNoneMatch, tagged
from api.guards import StrictRoute
from api.i18n import Language, Speak, say
from api.triage import dialogue_schemas, outcomes, queries, schemas, suggestions
from api.triage.lifecycle import about_case
from api.triage.queries import CaseOfficer, OfficerSession
from api.triage.steps import STEPS

router = APIRouter(
    prefix="/v1",
    route_class=StrictRoute,
    tags=["cases"],
    responses=problems.documented(
        problems.MalformedRequest,
        problems.NotAuthenticated,
        problems.RoleNotAllowed,
        problems.InvalidRequest,
        problems.ServiceUnavailable,
    ),
)


@router.get("/outcome-reasons", response_model=dialogue_schemas.OutcomeReasonsOut, responses=TAGGED)
async def list_outcome_reasons(
    response: Response,
    _: CaseOfficer,
    session: OfficerSession,
    language: Speak,
    if_none_match: IfNoneMatch = None,
) -> object:
    """The reasons a case can end for."""
    items = [
        dialogue_schemas.OutcomeReasonOut(
            code=each.code,
            step=STEPS[each.step].path,
            name=each.name_en if language == "en" else each.name_vi,
            needs_chief=each.needs_chief,
        )
        for each in await outcomes.reasons(session)
    ]
    return tagged(response, dialogue_schemas.OutcomeReasonsOut(items=items), if_none_match)


@router.get("/cases/{case_id}/suggestions", responses=problems.documented(problems.NotFound))
async def suggest_cases(
    case_id: uuid.UUID, officer: CaseOfficer, session: OfficerSession, language: Speak
) -> schemas.SuggestionsOut:
    """Cases of the station that may be about the same thing, likeliest first, each explained.

    Only an officer links cases.
    """
    case = await queries.find_case(session, officer, case_id)
    if case is None:
        raise problems.NotFound
    found = await suggestions.suggestions(session, officer, case)
    await session.execute(about_case("suggestions.read", officer, case_id))
    items = [suggestion_out(each, language) for each in found]
    return schemas.SuggestionsOut(items=items, next_cursor=None)


def suggestion_out(found: suggestions.Suggestion, language: Language) -> schemas.SuggestionOut:
    """A suggestion with its parts in words."""
    parts = [
        {
            "name": part.name,
            "score": round(part.score, 2),
            "text": say(f"suggestion.{part.name}.{part.how}", language, **part.facts),
        }
        for part in found.parts
    ]
    return schemas.SuggestionOut.model_validate(
        {**schemas.item_facts(found.case), "score": found.score, "parts": parts}
    )
