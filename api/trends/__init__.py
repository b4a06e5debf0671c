"""Trends: what is usual, what has changed, what comes next; for wards and provinces only."""
