"""Filters of the queue that officers keep for themselves."""
