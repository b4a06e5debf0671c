"""Text as it may enter: NFC, without what breaks databases or deceives readers."""

import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

BIDI_CONTROLS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
FORBIDDEN = re.compile(f"[\0\ud800-\udfff{BIDI_CONTROLS}]")


def clean(value: str) -> str:
    """The text in NFC; NUL, lone surrogates and bidi controls are refused."""
    if FORBIDDEN.search(value):
        raise PydanticCustomError("text_control", "text has a character that is not allowed")
    return unicodedata.normalize("NFC", value)


CleanText = Annotated[str, AfterValidator(clean)]


INVISIBLE = frozenset({"Cc", "Cf", "Me", "Mn", "Zl", "Zp", "Zs"})
FILLERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and signs by their category, of which nothing is seen."""


def is_seen(sign: str) -> bool:
    """Whether a reader sees anything of a sign alone; of marks they see what they stand on."""
    return unicodedata.category(sign) not in INVISIBLE and sign not in FILLERS


def said(value: str) -> str:
    """Refuse text of which nothing is seen: names, reasons, words to the reporter say something."""
    if not any(map(is_seen, value)):
        raise PydanticCustomError("blank", "only space")
    return value


SaidText = Annotated[CleanText, AfterValidator(said)]


VIETNAMESE_MARKS = tuple("\u0300\u0301\u0302\u0303\u0306\u0309\u031b\u0323")
MARKS = re.compile("[\u0300-\u036f]+")


def folded(value: str) -> str:
    """The text as searches compare it: small letters without marks, `đ` as `d`, NFC."""
    bare = unicodedata.normalize("NFD", value.lower()).replace("đ", "d")
    for mark in VIETNAMESE_MARKS:
        bare = bare.replace(mark, "")
    return bare if bare.isascii() else unicodedata.normalize("NFC", MARKS.sub("", bare))
