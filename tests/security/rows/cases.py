"""The queue, and cases."""

from tests.security.people import CASE_STAFF, OTHER_STAFF, Row, case_of, expect

READ_WARDS_CASE, ACT_ON_WARDS_CASE = case_of(
    seen=("own officer", "own chief", "informed officer", "informed chief"),
    owned=("own officer", "own chief"),
    done=200,
)
READ_COMPLAINT, ACT_ON_COMPLAINT = case_of(
    seen=("own oversight",), owned=("own oversight",), done=200
)

ROWS: dict[str, Row] = {
    "read_queue": expect((CASE_STAFF, 200), (OTHER_STAFF, 403), otherwise=401),
    "read_case": READ_WARDS_CASE,
    "acknowledge_case": ACT_ON_WARDS_CASE,
}

COMPLAINTS: dict[str, Row] = {
    "read_case": READ_COMPLAINT,
    "acknowledge_case": ACT_ON_COMPLAINT,
}

SEEN = {"read_queue": ("own officer", "own chief", "informed officer", "informed chief")}
