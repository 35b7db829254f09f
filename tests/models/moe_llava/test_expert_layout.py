"""One message says what config.json and what the weights say of the layers' experts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lvlm_eval.errors import CheckpointError
from lvlm_eval.models.moe_llava.build import build_empty
from lvlm_eval.models.moe_llava.checkpoint import open_checkpoint
from lvlm_eval.models.moe_llava.config import DecoderConfig, MoEConfig, NetworkConfig
from lvlm_eval.models.moe_llava.expert_layout import check_experts, layout_of

DECODER = DecoderConfig(
    vocab_size=9, width=8, mlp_width=4, layers=4, heads=2, kv_heads=2, rotary_width=2
)


@given(
    st.dictionaries(st.integers(0, 3), st.integers(2, 5), min_size=1),
    st.booleans(),
)
def test_a_network_agrees_with_its_own_config(counts: Mapping[int, int], residual: bool) -> None:
    moe = MoEConfig(tuple(counts), tuple(counts.values()), residual=residual)
    names = [name for name, _ in build_empty(NetworkConfig(DECODER, moe=moe)).named_parameters()]
    check_experts(moe, names, "here")
    said = {n: f"{counts[n]} experts" if n in counts else "a dense MLP" for n in range(4)}
    more = " and a residual branch" if residual else ""
    assert layout_of(names) == {n: w + more if n in counts else w for n, w in said.items()}
    with pytest.raises(CheckpointError):
        check_experts(None, names, "here")


@pytest.mark.parametrize(
    ("source", "change", "message"),
    [
        (
            "phi",
            {"moe_layers_idx": [1, 3]},
            (
                "layers 0, 2: config.json says a dense MLP, the weights hold 4 experts; "
                "in layers 1, 3: config.json says 4 experts, the weights hold a dense MLP"
            ),
        ),
        (
            "phi",
            {"num_experts": [4, 3]},
            "layer 2: config.json says 3 experts, the weights hold 4 experts.",
        ),
        (
            "phi",
            {"use_residual": True},
            "says 4 experts and a residual branch, the weights hold 4 experts.",
        ),
        (
            "phi_residual",
            {"use_residual": False},
            "says 4 experts, the weights hold 4 experts and a residual branch",
        ),
        ("phi", None, "layers 0, 2: config.json says a dense MLP, the weights hold 4 experts"),
        (
            "phi_dense",
            {"moe_layers_idx": [0], "num_experts": [4]},
            "layer 0: config.json says 4 experts, the weights hold a dense MLP",
        ),
    ],
)
def test_a_moe_dictionary_that_contradicts_the_weights_is_one_message(
    golden: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    change: dict[str, object] | None,
    message: str,
) -> None:
    folder = Path(shutil.copytree(golden / source, tmp_path / source))
    config = json.loads((folder / "config.json").read_text())
    config["moe"] = None if change is None else (config.get("moe") or {}) | change
    config["model_type"] = "llava_phi" if change is None else "moe_llava_phi"
    (folder / "config.json").write_text(json.dumps(config))

    def forbidden(*_: object) -> None:
        raise AssertionError("weights were read")

    monkeypatch.setattr("lvlm_eval.models.moe_llava.weights.read_planned", forbidden)
    with pytest.raises(CheckpointError) as caught:
        open_checkpoint(str(folder)).load(412, torch.float32)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(folder))
    assert "\n" not in str(caught.value)
