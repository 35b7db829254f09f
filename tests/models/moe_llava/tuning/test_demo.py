from __future__ import annotations

from pathlib import Path

import torch

from lvlm_eval.models.moe_llava.checkpoint import open_checkpoint
from lvlm_eval.models.moe_llava.tokenizer import read_tokenizer
from lvlm_eval.models.moe_llava.tuning.demo import train_demo


def test_a_thousandth_of_the_training_leaves_two_models_that_open(tmp_path: Path) -> None:
    train_demo(tmp_path, share=0.001)
    dense, sparse = (open_checkpoint(str(tmp_path / name)) for name in ("demo_dense", "demo"))
    tokens = read_tokenizer(tmp_path / "demo").size
    assert dense.config.moe is None
    assert sparse.config.moe is not None
    assert sparse.config.moe.layers == (0, 2)
    networks = [opened.load(tokens, torch.float32) for opened in (dense, sparse)]
    attention = "decoder.blocks.0.attention.query.weight"
    # stage 3 leaves attention alone
    assert torch.equal(networks[0].get_parameter(attention), networks[1].get_parameter(attention))
