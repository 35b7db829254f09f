"""How experts shall be placed, as asked for: what does not fit is refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from lvlm_eval.errors import UsageError
from lvlm_eval.models import moe_llava
from lvlm_eval.models.moe_llava.parallel.measured import Measured, choose_placement
from lvlm_eval.placement import Place, Placement, Rank
from lvlm_eval.routing import write_loads

GOLDEN = Path(__file__).parents[3] / "data" / "golden" / "moe_llava"
TWO = Place(Placement(1, 2, 2), Rank("test", 0, 2, 0, 0, "127.0.0.1", 1))
TOGETHER = Place(Placement(1, 2, 1), TWO.rank)


def test_loads_of_a_file_place_the_experts(tmp_path: Path) -> None:
    file = tmp_path / "routing.npz"
    write_loads(file, {0: [60, 10, 50, 0]})
    measured = choose_placement("balanced", str(file), TWO)
    assert measured == Measured(str(file), {0: [60, 10, 50, 0]})
    assert measured.homes(2) == {0: [0, 1, 1, 0]}
    assert choose_placement("in_turn", "", TWO) is None


@pytest.mark.parametrize(
    ("placement", "origin", "place", "message"),
    [
        ("best", "", TWO, "unknown placement 'best'; there are in_turn, balanced"),
        ("in_turn", "run", TWO, "from=run is read by placement=balanced alone"),
        ("balanced", "", TWO, "add from=FOLDER"),
        ("balanced", "run", None, "add --parallel tp=2,ep=2"),
        ("balanced", "run", TOGETHER, "there is one group"),
        ("balanced", "/nowhere/run", TWO, "/nowhere/run: no such file or folder"),
    ],
)
def test_what_cannot_be_is_refused(
    placement: str, origin: str, place: Place | None, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        choose_placement(placement, origin, place)


@pytest.mark.parametrize(("name", "here"), [("qwen", "0: 4, 2: 4"), ("phi_dense", "none")])
def test_loads_of_another_network_are_refused_before_weights_are_read(
    tmp_path: Path, name: str, here: str
) -> None:
    file = tmp_path / "routing.npz"
    write_loads(file, {0: [1, 2, 3, 4], 1: [1, 2, 3, 4]})
    with pytest.raises(UsageError, match=f"layer 0: 4, 1: 4, and this model has {here}; give"):
        moe_llava.load(
            str(GOLDEN / name), parallel=TWO, placement="balanced", from_=str(file), device="cpu"
        )
