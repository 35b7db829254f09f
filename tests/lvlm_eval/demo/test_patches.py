from __future__ import annotations

from lvlm_eval.demo.patches import CLASSES, PROPERTIES, patch_names
from lvlm_eval.demo.scene import Scene, Sign, Thing


def test_each_cell_is_named_by_what_lies_in_it() -> None:
    scene = Scene((Thing("ring", "blue", "large", 3, 0),), Sign("cat", 1, 2))
    named = [
        [values[index] for index, values in zip(cell, PROPERTIES, strict=True)]
        for cell in patch_names(scene)
    ]
    assert named[12] == ["ring", "blue", "large", "", "", "", "3", "0"]
    assert named[6] == ["sign", "", "", "c", "a", "t", "1", "2"]
    assert named[7] == ["sign", "", "", "c", "a", "t", "1", "3"]
    assert named[0] == ["", "", "", "", "", "", "0", "0"]
    assert len(named) == 16


def test_classes_count_the_values_of_each_property() -> None:
    assert CLASSES == (10, 9, 3, 29, 29, 29, 4, 4)
