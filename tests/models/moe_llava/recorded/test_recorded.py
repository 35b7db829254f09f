"""Our network against recorded outputs of the original, and that the comparison can fail."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from lvlm_eval.errors import DataError
from lvlm_eval.models import moe_llava
from lvlm_eval.models.moe_llava.recorded.report import as_text, difference, tolerance


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("phi", 69),
        ("phi_dense", 41),
        ("phi_top1", 65),
        ("phi_residual", 69),
        ("phi_drop", 56),
        ("qwen", 70),
        ("stablelm", 70),
    ],
)
def test_everything_recorded_agrees(golden: Path, name: str, values: int) -> None:
    result = moe_llava.parity(golden / name)[name]
    wrong = as_text({name: result})
    assert result["ok"], wrong
    assert result["ids_equal"]
    assert result["not_checked"] == []
    assert len(result["tensors"]) == values
    assert {"logits", "generated_ids", "tokenizer_cases"} <= result["tensors"].keys()


def test_pixels_of_real_sizes_have_the_recorded_hashes(golden: Path) -> None:
    result = moe_llava.parity(golden / "preprocess")["preprocess"]
    assert result["ok"], as_text({"preprocess": result})
    assert len(result["tensors"]) == 16


@pytest.fixture
def folder(golden: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(golden / "phi", tmp_path / "phi"))


def test_a_value_outside_its_tolerance_fails_and_is_named(folder: Path) -> None:
    tensors = load_file(folder / "golden.safetensors")
    tensors["logits"][0, 3, 5] += 0.01
    save_file(tensors, folder / "golden.safetensors")
    result = moe_llava.parity(folder)["phi"]
    assert not result["ok"]
    assert result["ids_equal"]
    assert result["tensors"]["logits"]["max_abs_diff"] == pytest.approx(0.01, abs=1e-4)
    assert re.search(r"  logits: off by 0\.(0099|0100)", as_text({"phi": result}))


def test_another_token_is_an_unequal_id(folder: Path) -> None:
    recorded = json.loads((folder / "golden.json").read_text())
    recorded["generated_ids_second_sample"][7] += 1
    (folder / "golden.json").write_text(json.dumps(recorded))
    result = moe_llava.parity(folder)["phi"]
    assert not result["ok"]
    assert not result["ids_equal"]


def test_a_name_that_is_not_handled_is_not_checked_and_fails(folder: Path) -> None:
    tensors = load_file(folder / "golden.safetensors")
    save_file({**tensors, "surprise": torch.ones(2)}, folder / "golden.safetensors")
    result = moe_llava.parity(folder)["phi"]
    assert not result["ok"]
    assert result["not_checked"] == ["surprise"]
    assert "surprise: NOT CHECKED" in as_text({"phi": result})


def test_other_weights_fail(golden: Path) -> None:
    result = moe_llava.parity(golden / "phi_dense", str(golden / "phi_residual"))["phi_dense"]
    assert not result["ok"]
    assert result["tensors"]["prompt_ids"]["max_abs_diff"] == 0


def test_a_checkpoint_that_cannot_be_loaded_fails_its_fixture_only(
    golden: Path, folder: Path
) -> None:
    shutil.copytree(golden / "phi_dense", folder.parent / "phi_dense")
    (folder / "model.safetensors").unlink()
    results = moe_llava.parity(folder.parent)
    assert results["phi_dense"]["ok"]
    assert not results["phi"]["ok"]
    assert "no weights" in results["phi"]["error"]


def test_a_folder_without_fixtures_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"golden\.json or expected\.json"):
        moe_llava.parity(tmp_path)


def test_the_originals_defects_are_listed_with_their_reason(golden: Path) -> None:
    results = moe_llava.parity(golden / "phi")
    assert set(results["phi"]["left_out"]) == {
        "batch_left.generated_ids",
        "batch_right.generated_ids",
    }
    assert "left out, and why" in as_text(results)


def test_differences_are_measured_through_lists_objects_and_texts() -> None:
    assert difference([1, [2.5]], [1, [2.0]]) == 0.5
    assert difference([1], [1, 2]) == float("inf")
    assert difference({"a": 1}, {"b": 1}) == float("inf")
    assert difference({"a": "x"}, {"a": "y"}) == 1.0
    assert difference(torch.ones(2), torch.ones(3)) == float("inf")
    assert difference(torch.ones(1), torch.tensor([float("nan")])) == float("inf")
    assert difference(True, False) == 1.0


def test_ids_and_counts_are_exact_and_logits_are_not() -> None:
    assert tolerance("generated_ids") == tolerance("capacity") == tolerance("labels") == 0.0
    assert tolerance("drop_free.logits") == tolerance("gate_logits.12") == 2e-4
    assert tolerance("gumbel.l_aux") == 1e-5
