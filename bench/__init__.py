"""Measurements: each takes its figures as ratios in one run, with medians and spread."""
