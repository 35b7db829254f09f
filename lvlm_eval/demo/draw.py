"""Pictures of scenes: 64 x 64 pixels, drawn four times as large and averaged down.

Saved as JPEG because the benchmarks' own image names end in .jpg; at 64 pixels the format's
artefacts matter, hence the high quality and the full colour resolution.
"""

from __future__ import annotations

from io import BytesIO
from math import cos, pi, sin

from PIL import Image, ImageDraw

from lvlm_eval.demo.glyphs import GLYPH_HEIGHT, GLYPH_WIDTH, GLYPHS
from lvlm_eval.demo.scene import Scene, Sign, Thing

SIDE = 64
CELL = 16
QUALITY = 95
_ZOOM = 4
RADIUS = {"small": 4.0, "large": 7.0}
_DOT = 2  # pixels a dot of a glyph
_PLATE = (28, 14)
_RGB = {
    "red": (225, 35, 35),
    "green": (35, 165, 60),
    "blue": (45, 75, 225),
    "yellow": (240, 220, 40),
    "purple": (150, 50, 190),
    "orange": (245, 140, 25),
    "white": (252, 252, 252),
    "black": (15, 15, 15),
}


def jpeg(scene: Scene) -> bytes:
    """The picture as a JPEG file; equal scenes give equal bytes."""
    stream = BytesIO()
    picture(scene).save(stream, "JPEG", quality=QUALITY, subsampling=0)
    return stream.getvalue()


def picture(scene: Scene) -> Image.Image:
    """The picture, RGB."""
    grey = scene.backdrop
    canvas = Image.new("RGB", (SIDE * _ZOOM, SIDE * _ZOOM), (grey, grey, grey))
    pen = ImageDraw.Draw(canvas)
    if scene.sign is not None:
        _draw_sign(pen, scene.sign)
    for thing in scene.things:
        _draw_thing(pen, thing, grey)
    return canvas.reduce(_ZOOM)


def _draw_thing(pen: ImageDraw.ImageDraw, thing: Thing, grey: int) -> None:
    x = CELL * thing.column + CELL / 2 + thing.shift[0]
    y = CELL * thing.row + CELL / 2 + thing.shift[1]
    radius, color = RADIUS[thing.size], _RGB[thing.color]
    if thing.shape in ("circle", "ring"):
        pen.ellipse(_box(x, y, radius), fill=color)
        if thing.shape == "ring":
            pen.ellipse(_box(x, y, radius * 0.55), fill=(grey, grey, grey))
        return
    outline = [
        (_ZOOM * (x + radius * u), _ZOOM * (y + radius * v)) for u, v in _OUTLINES[thing.shape]
    ]
    pen.polygon(outline, fill=color)


def _draw_sign(pen: ImageDraw.ImageDraw, sign: Sign) -> None:
    x = CELL * (sign.column + 1) + sign.shift[0]
    y = CELL * sign.row + CELL // 2 + sign.shift[1]
    width, height = _PLATE
    plate = (x - width // 2, y - height // 2, x + width // 2, y + height // 2)
    pen.rectangle([_ZOOM * edge for edge in plate], fill=_RGB["white"])
    advance = (GLYPH_WIDTH + 1) * _DOT
    left = x - (advance * len(sign.text) - _DOT) // 2
    for index, character in enumerate(sign.text):
        _draw_glyph(pen, character, left + advance * index, y - GLYPH_HEIGHT * _DOT // 2)


def _draw_glyph(pen: ImageDraw.ImageDraw, character: str, left: int, top: int) -> None:
    for row, dots in enumerate(GLYPHS[character]):
        for column, dot in enumerate(dots):
            if dot == "#":
                x, y = _ZOOM * (left + _DOT * column), _ZOOM * (top + _DOT * row)
                side = _ZOOM * _DOT - 1
                pen.rectangle((x, y, x + side, y + side), fill=_RGB["black"])


def _box(x: float, y: float, radius: float) -> tuple[float, float, float, float]:
    return (_ZOOM * (x - radius), _ZOOM * (y - radius), _ZOOM * (x + radius), _ZOOM * (y + radius))


def _star() -> list[tuple[float, float]]:
    """Ten corners, alternately far and near, the first pointing up."""
    angles = [pi * (corner / 5 - 0.5) for corner in range(10)]
    lengths = [1.1 if corner % 2 == 0 else 0.45 for corner in range(10)]
    return [(r * cos(a), r * sin(a)) for a, r in zip(angles, lengths, strict=True)]


def _heart() -> list[tuple[float, float]]:
    """The classical sine curve, scaled to the unit box."""
    turns = [2 * pi * step / 40 for step in range(40)]
    across = [sin(t) ** 3 for t in turns]
    down = [-(13 * cos(t) - 5 * cos(2 * t) - 2 * cos(3 * t) - cos(4 * t)) / 15 for t in turns]
    return list(zip(across, down, strict=True))


_ARM = 0.36
_OUTLINES: dict[str, list[tuple[float, float]]] = {
    "square": [(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
    "triangle": [(0.0, -1.0), (1.0, 0.9), (-1.0, 0.9)],
    "diamond": [(0.0, -1.1), (0.75, 0.0), (0.0, 1.1), (-0.75, 0.0)],
    "cross": [
        (-_ARM, -1.0),
        (_ARM, -1.0),
        (_ARM, -_ARM),
        (1.0, -_ARM),
        (1.0, _ARM),
        (_ARM, _ARM),
        (_ARM, 1.0),
        (-_ARM, 1.0),
        (-_ARM, _ARM),
        (-1.0, _ARM),
        (-1.0, -_ARM),
        (-_ARM, -_ARM),
    ],
    "star": _star(),
    "heart": _heart(),
}
