"""How each arm looks in every plot: colour, marker and dash, by its place in the file.

Must import the standard library only. Invariant: an arm looks the same on the page and on paper, and neighbours differ in
marker as well as in colour, so that a plot can be read without colours.

The colours are after Okabe and Ito's palette ("Color Universal Design", 2008), which people with the usual kinds of colour
blindness can tell apart; those that are too light for lines on white were darkened, those too dark for black lightened.
"""

from dataclasses import dataclass
from typing import Final

LIGHT: Final = ("#0072b2", "#c04f00", "#00805d", "#a8478a", "#1c1e21", "#8a6400")
"""Lines on white: at least 4.5 to 1."""
DARK: Final = ("#56b4e9", "#ff9d66", "#2cc295", "#e39ac9", "#e6e8eb", "#f0d442")
"""Lines on near black."""
MARKERS: Final = ("circle", "square", "triangle", "diamond", "down")
DASHES: Final = ("", "6 3", "2 3")


@dataclass(frozen=True, slots=True)
class Look:
    """colour: index into LIGHT and DARK. marker: of MARKERS. dash: lengths of line and gap, empty for a whole line."""

    colour: int
    marker: str
    dash: str


def look_of(place: int) -> Look:
    """Of the arm at this place; 30 arms differ."""
    return Look(place % len(LIGHT), MARKERS[place % len(MARKERS)], DASHES[place // len(LIGHT) % len(DASHES)])
