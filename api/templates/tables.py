"""Response templates."""

import datetime as dt
import uuid
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, func
from sqlalchemy.orm import Mapped, mapped_column

from api.tables import Base
from geo.tables import Station, one_of


class TemplateStep(StrEnum):
    """What a template is the text of: always one that the reporter reads."""

    MESSAGE = "message"
    QUESTION = "question"
    PROGRESS = "progress"
    RESOLUTION = "resolution"
    DISMISSAL = "dismissal"


class ResponseTemplate(Base):
    """A text to begin with, of one station or (without one) of everybody."""

    __tablename__ = "response_templates"
    __table_args__ = (
        one_of("step", TemplateStep),
        CheckConstraint("language in ('vi', 'en')", name="language"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    station_id: Mapped[str | None] = mapped_column(ForeignKey(Station.__table__.c.id), index=True)
    step: Mapped[str]
    kind: Mapped[str | None]
    """Only for reports of this kind."""
    state: Mapped[str | None]
    """Only for cases in this state."""
    language: Mapped[str]
    title: Mapped[str]
    text: Mapped[str]
    changed_at: Mapped[dt.datetime]
