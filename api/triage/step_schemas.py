"""What crosses the wire when officers take steps: one body for each."""

import uuid
from typing import Annotated, Self

from pydantic import ConfigDict, Field, StrictBool, model_validator
from pydantic_core import PydanticCustomError

from api.reports.schemas import In, PlaceIn
from api.reports.tables import ReportKind
from api.texts import CleanText, SaidText

Reason = Annotated[SaidText, Field(min_length=1, max_length=2000)]
Note = Annotated[SaidText, Field(min_length=1, max_length=5000)]
PublicText = Annotated[
    SaidText, Field(min_length=1, max_length=5000, description="Words that the reporter reads")
]
ReasonCode = Annotated[CleanText, Field(min_length=1, max_length=64)]
Username = Annotated[CleanText, Field(min_length=1, max_length=100)]
StationId = Annotated[CleanText, Field(min_length=1, max_length=100)]
CategoryCode = Annotated[CleanText, Field(min_length=1, max_length=64)]
Urgency = Annotated[int, Field(strict=True, ge=1, le=3)]


class NothingIn(In):
    """An act that needs no words."""


class ClaimIn(In):
    """Working on a case alone for a while; a reason takes it from a colleague who does."""

    reason: Reason | None = None


class AssignmentIn(In):
    """Whose task the case is within the station; null is nobody's."""

    username: Username | None
    note: Note | None = None


class ProgressIn(In):
    """Work has begun, or goes on."""

    public_text: PublicText | None = None
    note: Note | None = None


class TransferIn(In):
    """The case is another station's."""

    station_id: StationId
    reason: Reason


class BounceIn(In):
    """The case goes back to the station that handed it over."""

    reason: Reason


class CorrectedPlaceIn(PlaceIn):
    """The place as it really is; what the reporter noted about it stays."""

    model_config = ConfigDict(title="CorrectedPlaceIn")

    note: None = None


class CorrectionIn(In):
    """What is mended: at least one thing. Without an urgency a category brings its own."""

    place: CorrectedPlaceIn | None = None
    category: CategoryCode | None = None
    urgency: Urgency | None = None
    kind: ReportKind | None = None
    reason: Reason

    @model_validator(mode="after")
    def _something(self) -> Self:
        if (self.place, self.category, self.urgency, self.kind) == (None,) * 4:
            raise PydanticCustomError("unchanged", "nothing would change")
        return self


class QuestionIn(In):
    """What the station wants to know of the reporter before it goes on."""

    text: PublicText


class MessageIn(In):
    """Something said in the dialogue. Its id is made by who says it; said twice, it is one."""

    id: uuid.UUID
    text: PublicText


class OutcomeIn(In):
    """How the case ends. The note is for officers only, the public text for the reporter only."""

    reason_code: ReasonCode
    note: Annotated[CleanText, Field(max_length=5000)] = ""
    public_text: PublicText


class ConfirmationIn(In):
    """What a group reconciled itself is settled indeed."""

    note: Annotated[CleanText, Field(max_length=5000)] = ""
    public_text: PublicText


class DuplicateIn(In):
    """The case is about what another case of the station is about."""

    of: uuid.UUID = Field(description="The other case")
    note: Note | None = None


class ReopeningIn(In):
    """Why the report should be looked at again; with an id, sending it twice is sending it once."""

    id: uuid.UUID | None = None
    text: PublicText


class FeedbackIn(In):
    """What the reporter thinks of how their case ended."""

    satisfied: StrictBool
    text: Note | None = None
