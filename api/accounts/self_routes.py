"""What every member of staff may change of their own account, showing again that it is they.

A stolen session must not be enough, so each of these takes the present password and a code.
"""

import datetime as dt
from asyncio import get_running_loop
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api import limits, problems
from api.accounts import administration as rules
from api.accounts import staff_schemas as schemas
from api.accounts.passwords import is_easy
from api.accounts.sessions import Officer, OfficerIdentity, SessionToken
from api.accounts.staff import HASHERS, PASSWORDS, Actor, about_staff, password_fits, second_factor
from api.accounts.staff_routes import totp_out, wrong
from api.accounts.tables import Staff
from api.clock import Now
from api.db import Session
from api.guards import StrictRoute
from api.i18n import Speak
from api.secrets import Keys, token_hash

router = APIRouter(
    prefix="/v1/staff/self",
    route_class=StrictRoute,
    tags=["staff"],
    responses=problems.documented(
        problems.MalformedRequest,
        problems.NotAuthenticated,
        problems.ConfirmationFailed,
        problems.CrossSiteRequest,
        problems.InvalidRequest,
        problems.TooManyRequests,
        problems.ServiceUnavailable,
    ),
)


class Confirming:
    """Checks the present password and a code; what then follows is in the same transaction."""

    def __init__(self, request: Request, session: AsyncSession, officer: OfficerIdentity) -> None:
        self.keys: Keys = request.app.state.keys
        self.factor: float = request.app.state.settings.limits.factor
        self.session, self.officer = session, officer

    @property
    def by(self) -> Actor:
        """They themselves, as the trail names them."""
        return Actor("staff", self.officer.staff_id)

    async def confirmed(self, given: schemas.ConfirmedIn, now: dt.datetime) -> Staff:
        """The account, when password and code are right; a wrong try is counted and recorded."""
        staff = await self.session.scalar(
            select(Staff)
            .where(Staff.id == self.officer.staff_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        if staff is None:
            raise problems.NotAuthenticated
        checks = [(rate, str(staff.id)) for rate in limits.CONFIRMATION]
        wait = await limits.hit(self.session, self.keys, checks, factor=self.factor)
        if wait is not None:
            raise problems.TooManyRequests(wait)
        if not (
            await password_fits(given.password, staff.password_hash)
            and await self.code_fits(staff, given.totp, now)
        ):
            await self.session.execute(about_staff("staff.confirmation_refused", staff, self.by))
            await self.session.commit()  # the try counts, although the answer is an error
            raise problems.ConfirmationFailed
        await self.session.refresh(staff)
        return staff

    async def code_fits(self, staff: Staff, code: str, now: dt.datetime) -> bool:
        """Use up a code, within the limits that signing in has too."""
        account = rules.second_factor_checks(staff)
        if await limits.hit(self.session, self.keys, account, factor=self.factor) is not None:
            return False
        using = second_factor(self.keys, staff.id, staff.totp_secret, code, now)
        if using is None:
            return False
        return (await self.session.execute(using.returning(Staff.id))).first() is not None


async def confirming(request: Request, session: Session, officer: Officer) -> Confirming:
    """`Confirming` as a dependency."""
    return Confirming(request, session, officer)


Confirm = Annotated[Confirming, Depends(confirming)]


@router.post("/password", status_code=204)
async def change_own_password(
    given: schemas.OwnPasswordIn, confirm: Confirm, token: SessionToken, now: Now, language: Speak
) -> None:
    """Choose another password; every other session of the account ends."""
    if is_easy(given.new_password, confirm.officer.username):
        raise wrong("easy_password", "new_password", language)
    staff = await confirm.confirmed(given, now)
    hashed = await get_running_loop().run_in_executor(HASHERS, PASSWORDS.hash, given.new_password)
    await confirm.session.run_sync(
        partial(
            rules.set_password, staff=staff, hashed=hashed, by=confirm.by, but=token_hash(token)
        )
    )


@router.post("/totp")
async def renew_own_totp(
    given: schemas.ConfirmedIn, confirm: Confirm, token: SessionToken, now: Now
) -> schemas.TotpOut:
    """Take another second factor, shown once; every other session of the account ends."""
    staff = await confirm.confirmed(given, now)
    secret = await confirm.session.run_sync(
        partial(
            rules.renew_totp, keys=confirm.keys, staff=staff, by=confirm.by, but=token_hash(token)
        )
    )
    return totp_out(staff.username, secret)


@router.post("/recovery-codes")
async def renew_own_recovery_codes(
    given: schemas.ConfirmedIn, confirm: Confirm, now: Now
) -> schemas.RecoveryCodesOut:
    """Take other recovery codes, shown once; the old ones end."""
    staff = await confirm.confirmed(given, now)
    codes = await confirm.session.run_sync(
        partial(rules.renew_recovery_codes, staff=staff, by=confirm.by)
    )
    return schemas.RecoveryCodesOut(username=staff.username, recovery_codes=codes)
