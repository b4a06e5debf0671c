"""Telling people: the inbox, and the pushes that wake a phone to read it.

Knows recipients and messages, not reports.
"""
