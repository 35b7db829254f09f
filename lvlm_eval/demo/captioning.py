"""What a scene shows, said in one sentence in several ways: captions and their references."""

from __future__ import annotations

from lvlm_eval.demo.scene import Scene


def caption(scene: Scene) -> str:
    """What is in the picture, in reading order: "a small red star, a sign that says cat"."""
    return ", ".join(_named(scene, "a {size} {color} {shape}"))


def references(scene: Scene) -> tuple[str, ...]:
    """Five captions as different people might write them, all true."""
    full, plain = _named(scene, "a {size} {color} {shape}"), _named(scene, "a {color} {shape}")
    return (
        ", ".join(full),
        " and ".join(full),
        "There is " + ", ".join(reversed(full)) + ".",
        ", ".join(plain),
        "A picture of " + " and ".join(plain) + ".",
    )


def _named(scene: Scene, form: str) -> list[str]:
    """Each thing in that form, and the sign, in reading order."""
    named = [
        (t.row, t.column, form.format(size=t.size, color=t.color, shape=t.shape))
        for t in scene.things
    ]
    if scene.sign is not None:
        sign = scene.sign
        named.append((sign.row, sign.column, f"a sign that says {sign.text}"))
    return [text for _, _, text in sorted(named)]
