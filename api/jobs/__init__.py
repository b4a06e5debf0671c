"""Background work and schedules, by procrastinate on the same database."""
