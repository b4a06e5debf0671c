"""Sentences for people: both languages, the same facts, and the language that was asked for."""

import string
import unicodedata
from collections.abc import Iterator

import pytest

import api.app  # noqa: F401 - problems are defined all over the service
from api import problems
from api.i18n import SENTENCES, Language, preferred, say


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


def every_problem(
    base: type[problems.Problem] = problems.Problem,
) -> Iterator[type[problems.Problem]]:
    for each in base.__subclasses__():
        yield each
        yield from every_problem(each)


@pytest.mark.parametrize("key", SENTENCES)
def test_a_sentence_has_both_languages_and_the_same_facts_in_each(key: str) -> None:
    vi, en = SENTENCES[key]

    assert vi.strip()
    assert en.strip()
    assert vi != en
    assert placeholders(vi) == placeholders(en)
    assert (vi, en) == (unicodedata.normalize("NFC", vi), unicodedata.normalize("NFC", en))


def test_every_problem_has_a_title_and_a_sentence() -> None:
    slugs = {each.slug for each in every_problem()}

    assert {f"{slug}{end}" for slug in slugs for end in ("", ".detail")} <= SENTENCES.keys()


def test_facts_are_filled_in_as_they_are() -> None:
    assert say("emergency", "en", call="{114}") == "If anyone is in danger, call {114} now."


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, None),
        ("", None),
        ("vi", "vi"),
        ("en", "en"),
        ("en-GB,en;q=0.9", "en"),
        ("vi-VN, en;q=0.8", "vi"),
        ("en;q=0.2, vi;q=0.9", "vi"),
        ("fr, en;q=0.5", "en"),
        ("fr", None),
        ("*", None),
        ("en;q=0", None),
        ("EN", "en"),
        ("en;q=nan", None),
        ("vi;q=much, en", "en"),
        (",;q=,;;", None),
        ("ênglish", None),
    ],
)
def test_the_language_is_the_first_of_ours_by_weight(
    header: str | None, language: Language | None
) -> None:
    assert preferred(header) == language
