"""Text as it may enter: NFC, without what breaks databases or deceives readers."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

BIDI_CONTROLS = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)


def clean(value: str) -> str:
    """The text in NFC; NUL, lone surrogates and bidi controls are refused."""
    if any(c == "\0" or c in BIDI_CONTROLS or "\ud800" <= c <= "\udfff" for c in value):
        raise PydanticCustomError("text_control", "text has a character that is not allowed")
    return unicodedata.normalize("NFC", value)


CleanText = Annotated[str, AfterValidator(clean)]
