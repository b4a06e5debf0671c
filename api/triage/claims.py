"""Working on a case alone: a lock that ends by itself, and is renewed by its holder's own acts."""

import datetime as dt
from typing import Any

from sqlalchemy import ColumnElement, and_, case, or_

from api.accounts.sessions import OfficerIdentity
from api.reports.tables import Report

CLAIM = dt.timedelta(minutes=30)
"""How long a claim lasts after its holder's last act."""


def live(now: dt.datetime) -> ColumnElement[bool]:
    """Whether somebody has claimed the case."""
    return and_(Report.claimed_by.is_not(None), Report.claimed_until > now)


def held_by(officer: OfficerIdentity, now: dt.datetime) -> ColumnElement[bool]:
    """Whether the claim is the officer's own."""
    return and_(Report.claimed_by == officer.staff_id, Report.claimed_until > now)


def free_for(officer: OfficerIdentity, now: dt.datetime) -> ColumnElement[bool]:
    """Whether no colleague has claimed the case."""
    return or_(
        Report.claimed_by.is_(None),
        Report.claimed_by == officer.staff_id,
        Report.claimed_until <= now,
    )


def renewed(officer: OfficerIdentity, now: dt.datetime) -> dict[str, Any]:
    """What an act leaves of a claim: the officer's own begins anew, one that has ended is gone."""
    own = held_by(officer, now)
    return {
        "claimed_by": case((own, officer.staff_id), else_=None),
        "claimed_until": case((own, now + CLAIM), else_=None),
    }


def taken(officer: OfficerIdentity, now: dt.datetime) -> dict[str, Any]:
    """The officer's claim."""
    return {"claimed_by": officer.staff_id, "claimed_until": now + CLAIM}


GIVEN_BACK: dict[str, Any] = {"claimed_by": None, "claimed_until": None}
"""Nobody's claim."""
