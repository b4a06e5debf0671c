"""What crosses the wire about accounts of staff: their secrets once, when they are made."""

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from api.accounts.passwords import LONGEST, SHORTEST
from api.accounts.tables import StaffRole
from api.clock import LocalTime
from api.texts import CleanText, clean

Username = Annotated[CleanText, Field(max_length=100)]
StationId = Annotated[CleanText, Field(max_length=100)]
ProvinceCode = Annotated[CleanText, Field(max_length=100)]


class In(BaseModel):
    """A write model: unknown fields are an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NothingIn(In):
    """An act that needs no words."""


class StaffIn(In):
    """A new account: a duty officer or chief has a station, a commander or oversight a province."""

    role: StaffRole
    username: Username = Field(description="2 to 64 of a-z, 0-9, '.', '_', '-'")
    station_id: StationId | None = None
    province_code: ProvinceCode | None = None


class MoveIn(In):
    """Another role, another place, or both. Without a place the account keeps its own, if that
    fits the role."""

    role: StaffRole | None = None
    station_id: StationId | None = None
    province_code: ProvinceCode | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.role is None and self.station_id is None and self.province_code is None:
            raise PydanticCustomError("nothing_to_change", "nothing to change")
        return self


class ConfirmedIn(In):
    """Who is signed in shows again that it is they."""

    password: Annotated[CleanText, Field(min_length=1, max_length=LONGEST)]
    totp: Annotated[CleanText, Field(min_length=1, max_length=40)] = Field(
        description="The six digits of the authenticator app, or a recovery code; each works once"
    )


class OwnPasswordIn(ConfirmedIn):
    """The password to come."""

    new_password: Annotated[
        str, Field(min_length=SHORTEST, max_length=LONGEST), AfterValidator(clean)
    ] = Field(description="Not the name, a run of the keyboard, or what everybody tries first")


class StaffMemberOut(BaseModel):
    """An account, as admins see it."""

    model_config = ConfigDict(from_attributes=True)

    username: str
    role: StaffRole
    station_id: str | None
    province_code: str | None
    created_at: LocalTime
    disabled_at: LocalTime | None


class StaffDetailsOut(StaffMemberOut):
    """An account and the state of its second factor."""

    recovery_codes_left: int
    locked_until: LocalTime | None = Field(
        description="Until when too many wrong codes have shut the second factor"
    )


class StaffListOut(BaseModel):
    """A page of accounts, by name."""

    items: list[StaffMemberOut]
    next_cursor: str | None


class CredentialsOut(BaseModel):
    """What a new member of staff signs in with; shown this once, to be handed over in person."""

    username: str
    password: str
    totp_secret: str
    otpauth_uri: str = Field(description="The second factor as an authenticator app's QR code")
    recovery_codes: list[str]
    staff: StaffMemberOut


class PasswordOut(BaseModel):
    """A password made for somebody; shown this once."""

    username: str
    password: str


class TotpOut(BaseModel):
    """A new second factor; shown this once."""

    username: str
    totp_secret: str
    otpauth_uri: str = Field(description="The same as an authenticator app's QR code")


class RecoveryCodesOut(BaseModel):
    """New recovery codes; shown this once."""

    username: str
    recovery_codes: list[str]
