"""The groups of categories that layers are told of. Data says which category is in which."""

from enum import StrEnum


class Group(StrEnum):
    """`all` is all but the sensitive categories, which have a group of their own."""

    ALL = "all"
    PROPERTY = "property"
    VIOLENCE = "violence"
    DRUGS_GAMBLING = "drugs_gambling"
    PUBLIC_ORDER = "public_order"
    SAFETY = "safety"
    OTHER = "other"
    SENSITIVE = "sensitive"


WINDOWS = {"7d": 7, "28d": 28, "90d": 90}
SENSITIVE_DAYS = 90
"""What is sensitive is told of by wards only, in this window only."""
