"""Reports, acknowledgements and pushes while API, worker and PostgreSQL are killed all the time.

    python -m bench.chaos --reports 1000 --kills 8 --seconds 60
    python -m bench.chaos --long

Builds an installation of its own (PostgreSQL with fsync, APIs, workers, a stand-in for FCM that is
often unwell) in a temporary folder. Prints a table; exit 1 when anything accepted was lost,
doubled, half done or not acknowledged, or when a failure was no honest 503.
"""

import argparse
import sys
import time

from tests.chaos.run import Plan, run

LONG = Plan(
    reports=10_000,
    kills=50,
    seconds=600,
    apis=2,
    workers=2,
    push_timeout_s=10,
    p99_within_s=5,
    drained_within_s=60,
)


def main() -> int:
    """Make chaos, and print what came of it."""
    parser = argparse.ArgumentParser(description="Kill everything, lose nothing.")
    parser.add_argument("--long", action="store_true", help="10,000 reports, 50 kills, two of each")
    parser.add_argument("--reports", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60, help="about how long it may take")
    parser.add_argument("--apis", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    plan = (
        LONG
        if options.long
        else Plan(
            reports=options.reports,
            kills=options.kills,
            seconds=options.seconds,
            apis=options.apis,
            workers=options.workers,
        )
    )
    began = time.monotonic()
    result = run(plan)
    print(
        f"Chaos, {plan.apis} API and {plan.workers} worker, {time.monotonic() - began:.0f} s in all"
    )
    print(result.table())
    return 1 if result.faults else 0


if __name__ == "__main__":
    sys.exit(main())
