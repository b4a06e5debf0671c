"""Groups from inside: joining by a code, what was reported as the group, handing it over."""

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request, Response
from sqlalchemy import Row

from api import limits, paging, problems
from api.accounts.identity import Address, KnownReporter
from api.clock import Now
from api.db import Session
from api.etags import TAGGED, IfNoneMatch, tagged
from api.groups import membership, queries, schemas
from api.groups.routes import new_invitation_out
from api.groups.tables import GroupRole
from api.groups.types import type_name
from api.guards import StrictRoute
from api.i18n import Language, Speak
from api.reports.schemas import StationOut
from api.secrets import Keys
from api.triage.schemas import closed_at_of, shown

router = APIRouter(
    prefix="/v1",
    route_class=StrictRoute,
    tags=["my groups"],
    responses=problems.documented(
        problems.MalformedRequest,
        problems.NotAuthenticated,
        problems.InvalidRequest,
        problems.ServiceUnavailable,
    ),
)
MEMBER: dict[int | str, dict[str, Any]] = problems.documented(problems.NotFound)
LEADER = MEMBER | problems.documented(problems.RoleNotAllowed)
Nothing = Annotated[schemas.NothingIn | None, Body()]


def station_out(row: Row[Any]) -> StationOut:
    """The station of a row."""
    return StationOut(
        id=row.station_id, name=row.station_name, phone=row.station_phone, kind=row.station_kind
    )


def my_group_out(row: Row[Any], language: Language) -> schemas.MyGroupOut:
    """A group as its members see it."""
    return schemas.MyGroupOut.model_validate(
        {
            **row._mapping,
            "type_name": type_name(row.type, language),
            "station": station_out(row),
        }
    )


def report_out(keys: Keys, row: Row[Any]) -> schemas.GroupReportOut:
    """A report as the group reads it. Of another's a leader reads what an officer would.

    Whoever makes invitations may use one themselves: neither the phone's id of a report, which
    may hold the moment it was made, nor exact times may come to officers so.
    """
    number = row.register_number and f"{row.register_number}/{row.register_year}"
    return schemas.GroupReportOut.model_validate(
        {
            **row._mapping,
            "register_number": number,
            "station": station_out(row),
            **(of_mine(keys, row) if row.is_mine else of_another(keys, row)),
        }
    )


def of_mine(keys: Keys, row: Row[Any]) -> dict[str, Any]:
    """What only the reporter of a row knows of it."""
    return {"id": keys.report_id(row.id)}


def of_another(keys: Keys, row: Row[Any]) -> dict[str, Any]:
    """The same for somebody else."""
    return {
        "id": keys.shared_id(row.id),
        "received_at": shown(row.received_at, row.reporter_kind),
        "observed_at": row.observed_at and shown(row.observed_at, row.reporter_kind),
        "closed_at": closed_at_of(row),
    }


@router.post("/groups/joining", responses=MEMBER | problems.documented(problems.TooManyRequests))
async def join_group(
    request: Request,
    given: schemas.CodeIn,
    session: Session,
    reporter: KnownReporter,
    address: Address,
    now: Now,
    language: Speak,
) -> schemas.MyGroupOut:
    """Join a group by an invitation. Wrong, expired and used codes are one and the same."""
    state = request.app.state
    seconds = await limits.hit(
        session,
        state.keys,
        [(limits.INVITATION_PER_ADDRESS, address), (limits.INVITATION_GLOBAL, "")],
        factor=state.settings.limits.factor,
    )
    if seconds is not None:
        raise problems.TooManyRequests(seconds)
    key = reporter.recipient
    group_id = await membership.join(session, state.keys, key, code=given.code, now=now)
    if group_id is None:
        await session.commit()  # the try counts, although the answer is an error
        raise problems.NotFound
    mine = await membership.my_groups(session, key)
    return next(my_group_out(row, language) for row in mine if row.id == group_id)


@router.get("/my/groups", response_model=schemas.MyGroupsOut, responses=TAGGED)
async def list_my_groups(
    response: Response,
    session: Session,
    reporter: KnownReporter,
    language: Speak,
    if_none_match: IfNoneMatch = None,
) -> Any:
    """The groups I belong to."""
    rows = await membership.my_groups(session, reporter.recipient)
    mine = schemas.MyGroupsOut(items=[my_group_out(row, language) for row in rows])
    return tagged(response, mine, if_none_match)


@router.get(
    "/my/groups/{group_id}/reports",
    response_model=schemas.GroupReportsOut,
    responses=TAGGED | MEMBER,
)
async def list_group_reports(
    request: Request,
    response: Response,
    group_id: uuid.UUID,
    session: Session,
    reporter: KnownReporter,
    language: Speak,
    cursor: Annotated[uuid.UUID | None, Query()] = None,
    limit: paging.Limit = paging.PAGE,
    if_none_match: IfNoneMatch = None,
) -> Any:
    """What was reported as the group: for a leader all of it, for a member their own.

    Nobody's private reports are here, nor complaints about the police that others made.
    """
    keys: Keys = request.app.state.keys
    mine = await membership.find_membership(session, reporter.recipient, group_id)
    after = None
    if cursor is not None:
        after = await queries.position_of(session, mine, keys.stored_id_of(cursor))
        if after is None:
            raise paging.unknown_cursor(language)
    rows = await queries.reports(session, mine, after=after, limit=limit + 1)
    items = [report_out(keys, row) for row in rows[:limit]]
    following = str(keys.shared_id(rows[limit - 1].id)) if len(rows) > limit else None
    if following is not None:
        response.headers["Link"] = paging.next_link(request, following, {"limit": limit})
    found = schemas.GroupReportsOut(items=items, next_cursor=following)
    return tagged(response, found, if_none_match)


@router.get("/my/groups/{group_id}/members", responses=LEADER)
async def list_members(
    request: Request,
    response: Response,
    group_id: uuid.UUID,
    session: Session,
    reporter: KnownReporter,
    language: Speak,
    cursor: Annotated[uuid.UUID | None, Query()] = None,
    limit: paging.Limit = paging.PAGE,
) -> schemas.MembersOut:
    """For a leader: how many belong to the group, since when and as what; not who they are."""
    mine = await membership.find_membership(session, reporter.recipient, group_id, leading=True)
    after = None
    if cursor is not None:
        after = await membership.position_of(session, group_id, cursor)
        if after is None:
            raise paging.unknown_cursor(language)
    found = await membership.members(session, group_id, after=after, limit=limit + 1)
    items = [
        schemas.MemberOut(
            id=each.id, role=each.role, joined_at=each.joined_at, is_me=each.id == mine.id
        )
        for each in found[:limit]
    ]
    following = str(items[-1].id) if len(found) > limit else None
    if following is not None:
        response.headers["Link"] = paging.next_link(request, following, {"limit": limit})
    count = await membership.counts(session, group_id)
    return schemas.MembersOut(
        leaders=count.get(GroupRole.LEADER, 0),
        members=count.get(GroupRole.MEMBER, 0),
        items=items,
        next_cursor=following,
    )


@router.delete("/my/groups/{group_id}/members/{membership_id}", status_code=204, responses=LEADER)
async def remove_member(
    group_id: uuid.UUID,
    membership_id: uuid.UUID,
    session: Session,
    reporter: KnownReporter,
    now: Now,
) -> None:
    """A leader ends somebody else's membership, and with it the group's open invitations."""
    await membership.remove(session, reporter.recipient, group_id, membership_id, now)


@router.post(
    "/my/groups/{group_id}/handover",
    status_code=201,
    responses=LEADER | problems.documented(problems.GroupDisbanded),
)
async def hand_group_over(
    request: Request,
    group_id: uuid.UUID,
    session: Session,
    reporter: KnownReporter,
    now: Now,
    _: Nothing = None,
) -> schemas.NewInvitationOut:
    """A leader's code for whoever takes their place: when it is used, they become a member."""
    made, code = await membership.hand_over(
        session, request.app.state.keys, reporter.recipient, group_id, now
    )
    return new_invitation_out(made, code)


@router.delete("/my/groups/{group_id}/membership", status_code=204, responses=MEMBER)
async def leave_group(
    group_id: uuid.UUID, session: Session, reporter: KnownReporter, now: Now
) -> None:
    """Leave a group; what I reported stays mine, and what I reported as the group stays its."""
    await membership.leave(session, reporter.recipient, group_id, now)
