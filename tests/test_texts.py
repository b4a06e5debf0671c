"""Which words say something to whoever reads them."""

import unicodedata

import pytest
from pydantic import TypeAdapter, ValidationError

from api.texts import SaidText

SAID: TypeAdapter[str] = TypeAdapter(SaidText)

UNSEEN = [
    "", " ", "\n\t", "\u00a0", "\u00ad", "\u034f", "\u115f", "\u1160", "\u17b4", "\u180e",
    "\u200b", "\u200c\u200d", "\u2028", "\u2029", "\u2060", "\u2800", "\u3000", "\u3164",
    "\ufe0f", "\ufeff", "\uffa0", "\u0301", "\u0302\u0323", "\u20dd", " \u200b \u3164\n",
    "\U000e0041", "\x1b",
]  # fmt: skip


@pytest.mark.parametrize("words", UNSEEN, ids=ascii)
def test_words_of_which_nothing_is_seen_are_blank(words: str) -> None:
    with pytest.raises(ValidationError, match="only space"):
        SAID.validate_python(words)


@pytest.mark.parametrize(
    "words",
    [
        "Đã xử lý xong.", "ừ", "Ợ", ".", "?", "0", "👩\u200d👩\u200d👧", "❤️", "🇻🇳", "中", "ខ្មែរ",
        "\u200bừ", "e\u0301", "ꨌ", "\u0e33",
    ],
)  # fmt: skip
def test_words_that_are_seen_are_kept(words: str) -> None:
    composed, taken_apart = unicodedata.normalize("NFC", words), unicodedata.normalize("NFD", words)

    assert SAID.validate_python(composed) == SAID.validate_python(taken_apart) == composed
