"""Everybody there is, and how a row of the matrix says what each of them is answered."""

from collections.abc import Mapping

NOBODY = ("nobody",)
STRANGERS = ("a made-up device", "a made-up receipt", "a made-up account", "a made-up officer")
REPORTERS = ("the device", "another device", "the account", "another account")
RECEIPTS = ("the receipt", "another receipt")
OFFICERS = (
    "own officer", "informed officer", "other ward's officer", "own desk", "other province's desk",
    "national desk",
)  # fmt: skip
CHIEFS = ("own chief", "informed chief", "other ward's chief")
OVERSIGHT = ("own oversight", "other province's oversight")
CASE_STAFF = (*OFFICERS, *CHIEFS, *OVERSIGHT)
OTHER_STAFF = ("own commander", "other province's commander", "admin", "auditor")
STAFF = (*CASE_STAFF, *OTHER_STAFF)
EVERYBODY = (*NOBODY, *STRANGERS, *REPORTERS, *RECEIPTS, *STAFF)

Row = Mapping[str, int]


def expect(*parts: tuple[tuple[str, ...], int], otherwise: int) -> Row:
    """What everybody is answered; later parts hold over earlier ones."""
    row = dict.fromkeys(EVERYBODY, otherwise)
    for people, status in parts:
        assert set(people) <= row.keys()
        row |= dict.fromkeys(people, status)
    return row


def public(status: int) -> Row:
    """The same for everybody, whatever they bring."""
    return expect(otherwise=status)


def case_of(*, seen: tuple[str, ...], owned: tuple[str, ...], done: int) -> tuple[Row, Row]:
    """Reading a case and acting on it, for those who see it and those who own it."""
    reading = expect((STAFF, 404), (OTHER_STAFF, 403), (seen, 200), otherwise=401)
    acting = expect(
        (STAFF, 404), (OTHER_STAFF, 403), (seen, 403), (owned, done), otherwise=401
    )  # an informed station knows that the case exists: it is told that it only reads
    return reading, acting
