"""Devices: reporters without an account, and where they want to be woken."""

import uuid
from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import delete, insert, update

from api import limits, problems
from api.accounts.identity import DEVICE_PREFIX, Address, KnownReporter, new_token
from api.accounts.tables import Device
from api.db import Session
from api.guards import StrictRoute
from api.i18n import Language
from api.secrets import token_hash
from api.texts import CleanText
from notifications import registrations

router = APIRouter(
    prefix="/v1",
    route_class=StrictRoute,
    tags=["devices"],
    responses=problems.documented(
        problems.MalformedRequest,
        problems.InvalidRequest,
        problems.TooManyRequests,
        problems.ServiceUnavailable,
    ),
)

ONLY_KNOWN = problems.documented(problems.NotAuthenticated)


class DeviceIn(BaseModel):
    """Nothing is asked of a device."""

    model_config = ConfigDict(extra="forbid")


class DeviceOut(BaseModel):
    """A device and its bearer token, which is shown this once."""

    device_id: uuid.UUID
    token: str


class PushIn(BaseModel):
    """Where to wake a phone."""

    model_config = ConfigDict(extra="forbid")

    provider: Literal["fcm"]
    token: Annotated[CleanText, Field(min_length=1, max_length=4096)]
    language: Language = "vi"


@router.post("/devices", status_code=201)
async def create_device(
    request: Request, session: Session, address: Address, _: DeviceIn
) -> DeviceOut:
    """Become a pseudonymous reporter: no account, no name."""
    seconds = await limits.hit(
        session,
        request.app.state.keys,
        [(limits.DEVICE_PER_ADDRESS, address)],
        factor=request.app.state.settings.limits.factor,
    )
    if seconds is not None:
        raise problems.TooManyRequests(seconds)
    made = DeviceOut(device_id=uuid.uuid4(), token=new_token(DEVICE_PREFIX))
    await session.execute(
        insert(Device).values(id=made.device_id, token_hash=token_hash(made.token))
    )
    return made


@router.post("/devices/self/rotation", responses=ONLY_KNOWN)
async def rotate_device_token(session: Session, reporter: KnownReporter) -> DeviceOut:
    """A new token for this device; the old one ends now."""
    if reporter.device_id is None:
        raise problems.NotAuthenticated
    made = DeviceOut(device_id=reporter.device_id, token=new_token(DEVICE_PREFIX))
    await session.execute(
        update(Device).where(Device.id == made.device_id).values(token_hash=token_hash(made.token))
    )
    return made


@router.delete("/devices/self", status_code=204, responses=ONLY_KNOWN)
async def delete_device(session: Session, reporter: KnownReporter) -> None:
    """Forget this device and where to wake it; its reports stay, openable by their receipts."""
    if reporter.device_id is None:
        raise problems.NotAuthenticated
    await registrations.unregister(session, recipient=reporter.recipient)
    await session.execute(delete(Device).where(Device.id == reporter.device_id))


@router.put("/devices/self/push", status_code=204, responses=ONLY_KNOWN)
async def register_push(
    request: Request, push: PushIn, session: Session, reporter: KnownReporter
) -> None:
    """Wake this phone when its inbox has something new."""
    state = request.app.state
    await registrations.register(
        session,
        recipient=reporter.recipient,
        token_hash=registrations.token_hash(state.keys.push_tokens, push.token),
        sealed=state.token_sealer.seal(push.token),
        language=push.language,
    )


@router.delete("/devices/self/push", status_code=204, responses=ONLY_KNOWN)
async def unregister_push(session: Session, reporter: KnownReporter) -> None:
    """Do not wake this phone any more; the inbox goes on."""
    await registrations.unregister(session, recipient=reporter.recipient)
