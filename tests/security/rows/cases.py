"""The queue, and cases."""

from tests.security.people import CASE_STAFF, OTHER_STAFF, Row, case_of, expect

READ_WARDS_CASE, _ = case_of(
    seen=("own officer", "own chief", "informed officer", "informed chief"),
    owned=("own officer", "own chief"),
    done=200,
)
READ_COMPLAINT, _ = case_of(seen=("own oversight",), owned=("own oversight",), done=200)

ROWS: dict[str, Row] = {
    "read_queue": expect((CASE_STAFF, 200), (OTHER_STAFF, 403), otherwise=401),
    "read_case": READ_WARDS_CASE,
}

COMPLAINTS: dict[str, Row] = {
    "read_case": READ_COMPLAINT,
}

SEEN = {"read_queue": ("own officer", "own chief", "informed officer", "informed chief")}
