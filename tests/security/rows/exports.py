"""Files of cases."""

from tests.security.people import CASE_STAFF, OTHER_STAFF, Row, case_of, expect

READ_WARDS_CASE, _ = case_of(
    seen=("own officer", "own chief", "informed officer", "informed chief"),
    owned=("own officer", "own chief"),
    done=200,
)
READ_COMPLAINT, _ = case_of(seen=("own oversight",), owned=("own oversight",), done=200)

ROWS: dict[str, Row] = {
    "export_cases": expect((CASE_STAFF, 200), (OTHER_STAFF, 403), otherwise=401),
    "print_record": READ_WARDS_CASE,
}

COMPLAINTS: dict[str, Row] = {"print_record": READ_COMPLAINT}

PATHS = {"format": lambda _: "csv"}
