"""Scorecards: how stations answer, by published definitions, and what chance explains."""
