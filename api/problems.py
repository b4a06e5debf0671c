"""RFC 9457 problem documents: every error of the API, none of which repeats its input."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from api.i18n import SENTENCES, Language, language_of, say

PROBLEM_JSON = "application/problem+json"

EMERGENCY_CALL = "113"

NOT_FINITE = "finite_number"
"""What is wrong with NaN and Infinity, which many writers of JSON write all the same."""


class Problem(Exception):  # noqa: N818 - the name of the standard
    """An error the client can act on. Keyword arguments fill its sentence or are extra members."""

    slug: ClassVar[str]
    status: ClassVar[int]

    def __init__(
        self,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Mapping[str, object]] = (),
        **members: Any,
    ) -> None:
        super().__init__(self.slug)
        self.headers = dict(headers or {})
        self.errors = list(errors)
        self.members = members


class MalformedRequest(Problem):
    slug, status = "malformed-request", 400


class InvalidRequest(Problem):
    slug, status = "invalid-request", 422


class CoordinatesSwapped(Problem):
    """`suggestion` holds the mended pair: the one thing an error may repeat."""

    slug, status = "coordinates-swapped", 422


class NotAuthenticated(Problem):
    """Names the scheme to come back with, as RFC 9110 wants."""

    slug, status = "not-authenticated", 401

    def __init__(self, *, headers: Mapping[str, str] | None = None, **members: Any) -> None:
        super().__init__(headers={"WWW-Authenticate": "Bearer", **(headers or {})}, **members)


class RoleNotAllowed(Problem):
    slug, status = "role-not-allowed", 403


class ReadOnlyCase(Problem):
    """The case is another station's; the officer's own is informed of it."""

    slug, status = "read-only-case", 403


class ConfirmationFailed(Problem):
    """Who is signed in gave a wrong password or code when asked for them again."""

    slug, status = "confirmation-failed", 403


class CrossSiteRequest(Problem):
    """A page of another site used the session cookie of ours."""

    slug, status = "cross-site-request", 403


class NotFound(Problem):
    slug, status = "not-found", 404


class MethodNotAllowed(Problem):
    slug, status = "method-not-allowed", 405


class RequestTimeout(Problem):
    slug, status = "request-timeout", 408


class ReportIdReused(Problem):
    slug, status = "report-id-reused", 409


class UsernameTaken(Problem):
    slug, status = "username-taken", 409


class LastAdmin(Problem):
    """Nobody could manage staff any more."""

    slug, status = "last-admin", 409


class NotAReconciliation(Problem):
    """Only what a group says it has reconciled can be confirmed."""

    slug, status = "not-a-reconciliation", 409


class GroupDisbanded(Problem):
    slug, status = "group-disbanded", 409


class TransitionNotAllowed(Problem):
    slug, status = "transition-not-allowed", 409


class CaseClaimed(Problem):
    """A colleague works on the case alone; says who and until when."""

    slug, status = "case-claimed", 409


class NotClaimed(Problem):
    """Only one's own claim can be given back."""

    slug, status = "not-claimed", 409


class StationNotEligible(Problem):
    """The case cannot go to that station, or not back to it."""

    slug, status = "station-not-eligible", 409


class MessageIdReused(Problem):
    slug, status = "message-id-reused", 409


class ReopeningTooLate(Problem):
    """A closed report is taken up again for so long after its end; another one can be sent."""

    slug, status = "reopening-too-late", 409


class PreconditionFailed(Problem):
    slug, status = "precondition-failed", 412


class BodyTooLarge(Problem):
    slug, status = "body-too-large", 413


class UnsupportedMediaType(Problem):
    slug, status = "unsupported-media-type", 415


class PreconditionRequired(Problem):
    slug, status = "precondition-required", 428


class TooManyRequests(Problem):
    """Over a limit; says when to come back."""

    slug, status = "too-many-requests", 429

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds=seconds, headers={"Retry-After": str(seconds)})


class InternalError(Problem):
    slug, status = "internal-error", 500


class ServiceUnavailable(Problem):
    """The database or another part is away; nothing was accepted."""

    slug, status = "service-unavailable", 503

    def __init__(self, seconds: int = 2) -> None:
        super().__init__(headers={"Retry-After": str(seconds)})


class HttpError(Problem):
    slug, status = "http-error", 400


BY_STATUS: dict[int, type[Problem]] = {
    400: MalformedRequest,
    401: NotAuthenticated,
    404: NotFound,
    405: MethodNotAllowed,
    415: UnsupportedMediaType,
}


class FieldError(BaseModel):
    """One thing to mend: where it is (a JSON pointer) and what is wrong there."""

    pointer: str
    code: str
    detail: str


class EmergencyCall(BaseModel):
    """Whom to ring when life is in danger."""

    call: str
    text: str


class ProblemDocument(BaseModel):
    """RFC 9457, with our `code`, `errors`, `request_id` and a word about the emergency number."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldError]
    request_id: str | None
    emergency: EmergencyCall


def emergency(call: str, language: Language) -> EmergencyCall:
    """The call and its sentence."""
    return EmergencyCall(call=call, text=say("emergency", language, call=call))


def document(problem: Problem, language: Language, request_id: str | None) -> dict[str, Any]:
    """The body of a problem."""
    extra = {name: value for name, value in problem.members.items() if value is not None}
    return {
        "type": f"/problems/{problem.slug}",
        "title": say(problem.slug, language),
        "status": problem.status,
        "detail": say(f"{problem.slug}.detail", language, **spoken(problem.members, language)),
        "code": problem.slug,
        "errors": problem.errors,
        "request_id": request_id,
        "emergency": emergency(EMERGENCY_CALL, language).model_dump(),
        **extra,
    }


def spoken(facts: Mapping[str, Any], language: Language) -> dict[str, Any]:
    """The facts of a problem as its sentence says them: a state by its name."""
    return {
        name: say(f"state.{fact}", language) if name == "state_now" else fact
        for name, fact in facts.items()
    }


def answer(request: Request, problem: Problem) -> JSONResponse:
    """The HTTP answer of a problem."""
    body = document(problem, language_of(request), request.scope.get("tinbao.request_id"))
    return JSONResponse(body, problem.status, problem.headers, media_type=PROBLEM_JSON)


def field_errors(found: Sequence[Any], language: Language) -> list[dict[str, object]]:
    """Pydantic's findings as pointers, codes and our own sentences, never the input.

    An unknown name in the body is the client's own text, so its pointer stops at the object.
    """
    errors: list[dict[str, object]] = []
    for error in found:
        kind = error["type"]
        where = error["loc"][1:] if error["loc"][:1] == ("body",) else error["loc"]
        if kind == "extra_forbidden":
            where = where[:-1]
        pointer = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in where)
        key = f"invalid.{kind}" if f"invalid.{kind}" in SENTENCES else "invalid.other"
        detail = say(key, language, **error.get("ctx", {}))
        errors.append({"pointer": pointer, "code": kind, "detail": detail})
    return errors


class ExtensionNotAllowed(Problem):
    """The clock cannot get that time; `why` says what stands against it."""

    slug, status = "extension-not-allowed", 409


class NothingToDecide(Problem):
    """No extension of that clock waits for a decision."""

    slug, status = "nothing-to-decide", 409


class OwnRequest(Problem):
    """Nobody decides about what they asked for themselves."""

    slug, status = "own-request", 403


class NothingToAnswer(Problem):
    """No urging of the case waits for an answer."""

    slug, status = "nothing-to-answer", 409


def unfit(field: str, code: str, language: Language) -> InvalidRequest:
    """The problem of one field of the body whose value is nothing of ours."""
    error = {"type": code, "loc": ("body", field)}
    return InvalidRequest(errors=field_errors([error], language))


def at_query(code: str, name: str, language: Language) -> InvalidRequest:
    """The problem of a name in a URL's query."""
    error = {"type": code, "loc": ("query", name)}
    return InvalidRequest(errors=field_errors([error], language))


def unreadable(reason: str, language: Language) -> Problem:
    """The problem of a body that is not JSON, or would be but for a number that JSON has not."""
    if reason == NOT_FINITE:
        return InvalidRequest(errors=field_errors([{"type": NOT_FINITE, "loc": ()}], language))
    return MalformedRequest()


def documented(*problems: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """What a route adds to the OpenAPI document for the problems it raises."""
    content = {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
    found: dict[int | str, dict[str, Any]] = {}
    for problem in problems:
        names = found.setdefault(problem.status, {"description": "", "content": content})
        names["description"] = ", ".join(filter(None, [names["description"], problem.slug]))
    return found


def install(app: FastAPI) -> None:
    """Make every error of the app a problem document."""

    @app.exception_handler(Problem)
    async def on_problem(request: Request, problem: Problem) -> JSONResponse:
        return answer(request, problem)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        found = error.errors()
        for each in found:
            if each["type"] == "json_invalid":
                return answer(request, unreadable(each["ctx"]["error"], language_of(request)))
        return answer(request, invalid(found, language_of(request)))

    @app.exception_handler(HTTPException)
    async def on_http(request: Request, error: HTTPException) -> JSONResponse:
        problem = BY_STATUS.get(error.status_code, HttpError)(headers=error.headers)
        return answer(request, problem)

    @app.exception_handler(Exception)
    async def on_fault(_: Request, error: Exception) -> JSONResponse:
        raise error  # the Guard answers it, and the framework says nothing of its own before


def invalid(found: Sequence[Any], language: Language) -> Problem:
    """The problem of a body that does not fit its model; swapped coordinates get a suggestion."""
    for error in found:
        if error["type"] == "coordinates_swapped":
            return CoordinatesSwapped(
                suggestion=error["ctx"]["suggestion"], errors=field_errors([error], language)
            )
    return InvalidRequest(errors=field_errors(found, language))
