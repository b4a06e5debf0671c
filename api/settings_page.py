"""docs/configuration.md, made from the settings: `python -m api.settings_page` writes it out."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, PostgresDsn, TypeAdapter
from pydantic.fields import FieldInfo

from api.settings import Settings

HEAD = """\
# Configuration

Every setting is an environment variable. This page is made from the settings themselves:
`python -m api.settings_page > docs/configuration.md`.

| variable | type | default | what it does |
| --- | --- | --- | --- |
"""

KINDS: dict[Any, str] = {
    bool: "true or false",
    float: "number",
    int: "whole number",
    Path: "path",
    PostgresDsn: "URL",
    str: "text",
    timedelta: "duration (ISO 8601)",
}


@dataclass(frozen=True)
class Variable:
    """One setting as a deployer meets it."""

    name: str
    type: str
    default: str
    description: str


def variables(model: type[BaseModel] = Settings, prefix: str = "TINBAO_") -> Iterator[Variable]:
    """Every variable, those of nested models too."""
    for name, field in model.model_fields.items():
        variable = prefix + name.upper()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from variables(field.annotation, variable + "__")
        else:
            yield Variable(variable, kind(field), default(field), field.description or "")


def kind(field: FieldInfo) -> str:
    """What may be given, in words."""
    found = [each for each in get_args(field.annotation) if each is not type(None)]
    if get_origin(field.annotation) is Literal:
        return " or ".join(f"`{each}`" for each in found)
    words = KINDS[found[0] if found else field.annotation]
    low, high = bound(field, "ge"), bound(field, "le")
    if low is not None and high is not None:
        return f"{words}, {low} to {high}"
    return words if low is None else f"{words}, at least {low}"


def bound(field: FieldInfo, name: str) -> Any:
    """The field's lower (`ge`) or upper (`le`) bound, if it has one."""
    return next((getattr(each, name) for each in field.metadata if hasattr(each, name)), None)


def default(field: FieldInfo) -> str:
    """What holds when the variable is not set."""
    if field.default_factory is not None:
        return (field.default_factory.__doc__ or "").rstrip(".")
    if field.default is None:
        return "unset"
    plain = TypeAdapter(type(field.default)).dump_python(field.default, mode="json")
    return f"`{str(plain).lower() if isinstance(plain, bool) else plain}`"


def page() -> str:
    """The whole page."""
    rows = (
        f"| `{each.name}` | {each.type} | {each.default} | {each.description} |\n"
        for each in variables()
    )
    return HEAD + "".join(rows)


if __name__ == "__main__":
    sys.stdout.write(page())
