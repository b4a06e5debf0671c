"""Clocks: deadlines that cite their source, what moves them, and who is told of the missed."""
