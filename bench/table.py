"""Medians, spreads and tables."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One figure over the rounds of a run."""

    name: str
    values: Sequence[float]
    unit: str = ""
    goal: str = ""

    def __str__(self) -> str:
        middle = statistics.median(self.values)
        spread = f"({number(min(self.values))}-{number(max(self.values))})"
        return f"| {self.name} | {number(middle)} {self.unit} | {spread} | {self.goal} |"


def number(value: float) -> str:
    """Three significant digits, without an exponent."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def show(title: str, figures: Sequence[Figure]) -> None:
    """Print figures as a Markdown table."""
    print(f"\n### {title}\n\n| figure | median | spread | goal |\n| --- | --- | --- | --- |")
    for figure in figures:
        print(figure)


def headline(what: str, beside: str, ratios: Sequence[float]) -> None:
    """Print a row of the README's table: so many times as fast as something beside it."""
    middle = statistics.median(ratios)
    spread = f"{number(min(ratios))}-{number(max(ratios))}"
    print(f"\nREADME:\n| {what} | {beside} | {number(middle)} ({spread}) |")
