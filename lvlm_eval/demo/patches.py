"""What each cell of a picture shows, as class ids: what the demo's image tower learns to name."""

from __future__ import annotations

from lvlm_eval.demo.glyphs import GLYPHS
from lvlm_eval.demo.scene import COLORS, GRID, SHAPES, SIGN, SIZES, Scene

_CHARACTERS = ("", *GLYPHS)
# For each property its values; the first one says that there is nothing to name.
PROPERTIES: tuple[tuple[str, ...], ...] = (
    ("", *SHAPES, SIGN),
    ("", *COLORS),
    ("", *SIZES),
    _CHARACTERS,
    _CHARACTERS,
    _CHARACTERS,
)
CLASSES = tuple(len(values) for values in PROPERTIES)


def patch_names(scene: Scene) -> list[list[int]]:
    """For each of the 16 cells, row by row, the index of each property's value."""
    shown = [[""] * len(PROPERTIES) for _ in range(GRID * GRID)]
    for thing in scene.things:
        cell = thing.row * GRID + thing.column
        shown[cell][:3] = [thing.shape, thing.color, thing.size]
    if scene.sign is not None:
        written = list(scene.sign.text.ljust(3))
        for cell in (scene.sign.row * GRID + scene.sign.column + i for i in (0, 1)):
            shown[cell] = [SIGN, "", "", *(character.strip() for character in written)]
    return [
        [values.index(name) for name, values in zip(cell, PROPERTIES, strict=True)]
        for cell in shown
    ]
