"""What crosses the wire about saved views."""

import uuid
from typing import Annotated
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field

from api.clock import LocalTime
from api.texts import SaidText
from api.triage.filters import QueueFilter
from api.views.tables import SavedView


class SavedFilter(QueueFilter):
    """A filter of the queue, as it is kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ViewIn(BaseModel):
    """A named filter."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[SaidText, Field(min_length=1, max_length=80)]
    filter: SavedFilter


class ViewOut(BaseModel):
    """A saved view; nobody but its owner has it."""

    id: uuid.UUID
    name: str
    filter: SavedFilter
    query: str = Field(description="The same filter as a query of GET /v1/queue")
    updated_at: LocalTime


class ViewsOut(BaseModel):
    """All saved views, oldest first."""

    items: list[ViewOut]
    next_cursor: None = None


def view_out(view: SavedView) -> ViewOut:
    """A stored view; what a later version does not know of its filter is left out."""
    kept = QueueFilter.model_validate(view.filter).as_asked()
    return ViewOut(
        id=view.id,
        name=view.name,
        filter=SavedFilter.model_validate(kept),
        query=urlencode(kept, doseq=True),
        updated_at=view.updated_at,
    )
