"""Numbers that could single out a reporter: withheld below five, rounded to fives above.

What stands beside a withheld number could give it away: all of a province less the other stations.
So another one is withheld with it, the next smallest, until the withheld ones together are five.
Rounding does the same between two days and two windows.
"""

from collections.abc import Sequence

LEAST = 5


def withheld(counts: Sequence[int]) -> list[bool]:
    """Which of the counts that add up to a shown total must not be shown."""
    hidden = [each < LEAST for each in counts]
    if not any(hidden) or all(each == 0 for each, out in zip(counts, hidden, strict=True) if out):
        return hidden
    for place in sorted(range(len(counts)), key=lambda each: (counts[each], each)):
        together = [each for each, out in zip(counts, hidden, strict=True) if out]
        if sum(together) >= LEAST and sum(each > 0 for each in together) > 1:
            break
        hidden[place] = True
    return hidden


def rounded(count: int) -> int:
    """To the nearest five."""
    return (count + 2) // LEAST * LEAST
