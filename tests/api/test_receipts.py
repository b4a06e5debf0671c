"""The canonical JSON that receipts are made of, against the library that knows RFC 8785."""

import string
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as some

from api.reports.receipts import canonical

names = some.text(string.ascii_letters + string.digits + "_", max_size=8)
texts = some.text(some.characters(exclude_categories=["Cs"]))
numbers = some.floats(allow_nan=False, allow_infinity=False) | some.integers(
    -(2**53) + 1, 2**53 - 1
)
values = some.recursive(
    some.none() | some.booleans() | texts | numbers,
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)


@given(some.dictionaries(names, values))
@example({"b": '\x7f\u2028\U0001f6a8\x1f\b\f"\\/', "a": "ă"})
def test_canonical_json_is_what_the_rfc_says(value: dict[str, Any]) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (25.0, b"25"), (-0.0, b"0"), (105.8524, b"105.8524"), (0.0001, b"0.0001"),
        (1e-5, b"0.00001"), (1e-7, b"1e-7"), (5e-324, b"5e-324"), (2.0**53, b"9007199254740992"),
        (1e16, b"10000000000000000"), (1e21, b"1e+21"), (-1.5e300, b"-1.5e+300"),
    ],
)  # fmt: skip
def test_numbers_are_written_as_javascript_writes_them(number: float, written: bytes) -> None:
    assert canonical({"at": [number]}) == b'{"at":[' + written + b"]}"


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_is_no_number_in_json_is_refused(number: float) -> None:
    with pytest.raises(rfc8785.FloatDomainError):
        canonical({"at": number})
