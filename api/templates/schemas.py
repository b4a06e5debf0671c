"""What crosses the wire about response templates."""

import uuid
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from api.clock import LocalTime
from api.i18n import Language
from api.reports.tables import ReportKind, State
from api.templates.rendering import VARIABLES, TemplateError, check
from api.templates.tables import TemplateStep
from api.texts import SaidText


def check_template(value: str) -> str:
    """The text unchanged, if each of its variables exists."""
    try:
        check(value)
    except TemplateError as error:
        if error.reason == "template_braces":
            raise PydanticCustomError("template_braces", "a brace without its other") from None
        raise PydanticCustomError(
            "template_variable", "an unknown variable", {"known": ", ".join(VARIABLES)}
        ) from None
    return value


Title = Annotated[SaidText, Field(min_length=1, max_length=200)]
TemplateText = Annotated[
    SaidText, Field(min_length=1, max_length=4000), AfterValidator(check_template)
]


class TemplateIn(BaseModel):
    """A template; its text may hold `{variables}` of a closed list."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    step: TemplateStep
    kind: ReportKind | None = Field(None, description="Only for reports of this kind")
    state: State | None = Field(None, description="Only for cases in this state")
    language: Language
    title: Title
    text: TemplateText


class TemplateOut(BaseModel):
    """A template as officers choose it."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    station_id: str | None = Field(description="Null: a template of everybody")
    step: TemplateStep
    kind: ReportKind | None
    state: State | None
    language: Language
    title: str
    text: str
    changed_at: LocalTime


class TemplatesOut(BaseModel):
    """A page of templates, by title, and the variables there are."""

    items: list[TemplateOut]
    next_cursor: str | None
    variables: list[str]


class RenderedOut(BaseModel):
    """A template filled in for one case."""

    template_id: uuid.UUID
    step: TemplateStep
    language: Language
    text: str
    missing: list[str] = Field(description="Variables that this case has no value for yet")
