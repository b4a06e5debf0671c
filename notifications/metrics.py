"""What the worker counts."""

from prometheus_client import Counter, Gauge, Histogram

ATTEMPTS = Counter(
    "tinbao_push_attempts_total", "Attempts to hand a push to the provider", ["outcome"]
)
SECONDS = Histogram("tinbao_push_seconds", "How long the provider took to answer an attempt")
EXPIRED = Counter("tinbao_push_expired_total", "Pushes given up because their time ran out")
PENDING = Gauge("tinbao_push_pending", "Pushes owed and not settled")
OLDEST = Gauge("tinbao_push_oldest_seconds", "Age of the oldest push owed and not settled")
OVERDUE = Gauge("tinbao_push_overdue", "Pushes owed for more than five minutes")
ABANDONED = Gauge("tinbao_push_abandoned", "Leases that ran out before they were settled")
DEAD = Gauge("tinbao_push_dead_letters", "Pushes the provider will never take")
