"""What each cell of a picture shows and where it is, as class ids for the tower to name."""

from __future__ import annotations

from lvlm_eval.demo.glyphs import GLYPHS
from lvlm_eval.demo.scene import COLORS, GRID, SHAPES, SIGN, SIZES, Scene

_CHARACTERS = ("", *GLYPHS)
_PLACES = tuple(str(place) for place in range(GRID))
# For each property its values; "" where there is nothing to name. The last two are row and column.
PROPERTIES: tuple[tuple[str, ...], ...] = (
    ("", *SHAPES, SIGN),
    ("", *COLORS),
    ("", *SIZES),
    _CHARACTERS,
    _CHARACTERS,
    _CHARACTERS,
    _PLACES,
    _PLACES,
)
CLASSES = tuple(len(values) for values in PROPERTIES)


def patch_names(scene: Scene) -> list[list[int]]:
    """For each of the 16 cells, row by row, the index of each property's value."""
    shown = [["", "", "", "", "", "", row, column] for row in _PLACES for column in _PLACES]
    for thing in scene.things:
        cell = thing.row * GRID + thing.column
        shown[cell][:3] = [thing.shape, thing.color, thing.size]
    if scene.sign is not None:
        written = list(scene.sign.text.ljust(3))
        for cell in (scene.sign.row * GRID + scene.sign.column + i for i in (0, 1)):
            shown[cell][:6] = [SIGN, "", "", *(character.strip() for character in written)]
    return [
        [values.index(name) for name, values in zip(cell, PROPERTIES, strict=True)]
        for cell in shown
    ]
