from __future__ import annotations

from lvlm_eval.demo import facts
from lvlm_eval.demo.scene import Scene, Sign, Thing

RED_STAR = Thing("star", "red", "small", 0, 3)
BLUE_STAR = Thing("star", "blue", "small", 2, 1)
BIG_STAR = Thing("star", "blue", "large", 3, 1)
RING = Thing("ring", "blue", "small", 2, 0)
SCENE = Scene((RED_STAR, BLUE_STAR, BIG_STAR, RING), Sign("2+3", 1, 0))


def test_a_reference_is_as_short_as_it_can_be_without_being_ambiguous() -> None:
    names = [facts.reference(SCENE, thing) for thing in SCENE.things]
    assert names == ["red star", "small blue star", "large star", "ring"]


def test_a_reference_does_not_use_what_the_question_asks_for() -> None:
    assert facts.reference(SCENE, RED_STAR, without=("color",)) is None
    assert facts.reference(SCENE, BIG_STAR, without=("color",)) == "large star"


def test_sides_are_strict_and_level_things_are_on_neither() -> None:
    assert facts.beside(SCENE, "left", BLUE_STAR) == [RING]
    assert facts.beside(SCENE, "right", BLUE_STAR) == [RED_STAR]
    assert facts.beside(SCENE, "below", BLUE_STAR) == [BIG_STAR]


def test_the_halves_of_the_picture() -> None:
    assert [facts.half(thing, "across") for thing in SCENE.things] == [
        "right", "left", "left", "left",
    ]  # fmt: skip
    assert [facts.half(thing, "down") for thing in SCENE.things] == [
        "top", "bottom", "bottom", "bottom",
    ]  # fmt: skip


def test_a_sign_is_an_object_and_its_sum_is_worked_out() -> None:
    assert facts.objects(SCENE) == {"star", "ring", "sign"}
    assert facts.written_sum("2+3") == 5
    assert facts.written_sum("cat") is None


def test_plurals() -> None:
    assert [facts.plural(noun) for noun in ("ring", "cross")] == ["rings", "crosses"]
