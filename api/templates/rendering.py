"""The variables a template may hold, and how they are filled in.

A variable is a plain name in braces, such as `{station}`; a brace itself is written twice. Nothing
else of Python's format language works here: it could reach into what it is given.
"""

import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

VARIABLES = (
    "category",
    "received_on",
    "register_number",
    "station",
    "station_phone",
    "ward",
)
"""Every variable there is."""


class TemplateError(ValueError):
    """A text is no template: `reason` is `template_braces` or `template_variable`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Rendered:
    """A text with its variables filled in; those without a value stand as they were written."""

    text: str
    missing: list[str]


def parts(text: str) -> Iterator[tuple[str, str | None]]:
    """Words and the variable behind them, again and again; TemplateError for anything else."""
    try:
        found = list(string.Formatter().parse(text))
    except ValueError:
        raise TemplateError("template_braces") from None
    for words, name, spec, conversion in found:
        if name is not None and (name not in VARIABLES or spec or conversion):
            raise TemplateError("template_variable")
        yield words, name


def check(text: str) -> None:
    """Raise TemplateError unless every variable of the text exists."""
    for _ in parts(text):
        pass


def render(text: str, facts: Mapping[str, str | None]) -> Rendered:
    """The text with these facts; what they hold is never read as a template itself."""
    made, missing = [], []
    for words, name in parts(text):
        made.append(words)
        if name is None:
            continue
        value = facts.get(name)
        if value is None:
            missing.append(name)
            value = f"{{{name}}}"
        made.append(value)
    return Rendered("".join(made), sorted(set(missing)))
