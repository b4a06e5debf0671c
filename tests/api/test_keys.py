"""What is derived from the master secret, against the standard library's own derivation."""

import base64
import hmac
import uuid

from hypothesis import given
from hypothesis import strategies as some

from api.secrets import CROCKFORD, Keys, Mac

USUAL = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@given(some.binary(max_size=64), some.binary(max_size=200))
def test_a_mac_is_hmac_sha256(key: bytes, message: bytes) -> None:
    assert Mac(key)(message) == hmac.digest(key, message, "sha256")


@given(report_id=some.uuids())
def test_a_receipt_code_is_eighty_bits_in_crockfords_digits(
    keys: Keys, report_id: uuid.UUID
) -> None:
    secret = hmac.digest(keys.derive("receipts"), report_id.bytes, "sha256")[:10]
    digits = base64.b32encode(secret).translate(bytes.maketrans(USUAL, CROCKFORD.encode()))

    code = keys.receipt_code(report_id)

    assert code.replace("-", "") == digits.decode()
    assert [len(part) for part in code.split("-")] == [4, 4, 4, 4]
    pepper = keys.derive("receipt-pepper")
    assert keys.receipt_hash(code.lower()) == hmac.digest(pepper, digits, "sha256")


def test_receipts_are_signed_as_the_published_key_verifies(keys: Keys) -> None:
    message = b'{"id":"019aa000-0000-7000-8000-000000000001"}'

    signature = keys.sign(message)

    assert signature == keys.signing.sign(message)
    keys.signing.public_key().verify(signature, message)
