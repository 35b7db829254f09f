"""Whole checkpoints, quantised as they are read: what they answer, how experts are chosen."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import cast

import pytest
import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef

from lvlm_eval.models import moe_llava
from lvlm_eval.models.moe_llava.build import build_empty
from lvlm_eval.models.moe_llava.checkpoint import open_checkpoint
from lvlm_eval.models.moe_llava.config import NetworkConfig
from lvlm_eval.models.moe_llava.network import Network
from lvlm_eval.models.moe_llava.quant import Quant, is_quantised, quantiser
from lvlm_eval.schema import Decoding, Image, Prompt, Request, Run
from lvlm_eval.store import fingerprint

pytestmark = pytest.mark.skipif(
    find_spec("torchao") is None, reason="torchao, the extra `quant`, is not installed"
)


def test_each_layer_shrinks_and_its_whole_weight_is_gone_before_the_next_is_read(
    golden: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    networks: list[Network] = []
    whole: list[int] = []
    gone: list[bool] = []

    def build(config: NetworkConfig) -> Network:
        networks.append(build_empty(config))
        return networks[-1]

    def observed(quant: Quant) -> Callable[[str, nn.Module], None]:
        shrink = quantiser(quant)

        def count(name: str, module: nn.Module) -> None:
            if not is_quantised(name, module):
                shrink(name, module)
                return
            storage = cast("nn.Linear", module).weight.untyped_storage()
            seen = StorageWeakRef(storage)  # type: ignore[no-untyped-call]
            del storage
            shrink(name, module)
            gone.append(seen.expired())  # type: ignore[no-untyped-call]
            layers = [m for n, m in networks[-1].named_modules() if is_quantised(n, m)]
            weights = [cast("Tensor", layer.weight) for layer in layers]
            whole.append(sum(type(w.data) is Tensor and not w.is_meta for w in weights))

        return count

    monkeypatch.setattr("lvlm_eval.models.moe_llava.checkpoint.build_empty", build)
    monkeypatch.setattr("lvlm_eval.models.moe_llava.checkpoint.quantiser", observed)
    checkpoint = open_checkpoint(str(golden / "phi"))
    checkpoint.load(200, torch.float32, quant="int8")
    assert len(whole) > 30
    assert max(whole) == 0
    assert all(gone)


def test_answers_do_not_depend_on_the_batch(golden: Path) -> None:
    folder = golden / "phi"
    first, second = (Image(folder / name) for name in ("image.png", "image2.png"))
    requests = [
        Request("one", Prompt.user(first, "What is in this picture?")),
        Request("two", Prompt.user(second, "Describe the image in detail, please.")),
        Request("both", Prompt.user(first, second, "Compare.")),
        Request("none", Prompt.user("What is the meaning of the word?")),
    ]
    answers = []
    for batch in (4, 1, 3):
        model = moe_llava.load(str(folder), device="cpu", quant="int8", batch=batch)
        found = model.generate(requests, Decoding(max_new_tokens=12))
        answers.append({answer.question_id: answer for answer in found})
    assert answers[0] == answers[1] == answers[2]
    assert all(answer.new_tokens == 12 for answer in answers[0].values())


def test_routers_mostly_choose_as_before(golden: Path) -> None:
    folder = golden / "phi"
    request = Request("one", Prompt.user(Image(folder / "image.png"), "What is in this picture?"))
    outputs = []
    for quant in ("none", "int8"):
        model = moe_llava.load(str(folder), device="cpu", quant=quant)
        (question,), _ = model.encode([request])
        pixels = torch.stack([picture.pixels for picture in question.pictures])
        network = model.engine.network
        with torch.inference_mode():
            prompt = network.splice([torch.tensor(question.token_ids)], pixels)
            outputs.append(network(prompt.embeds))
    plain, small = outputs
    assert (plain.logits - small.logits).norm() / plain.logits.norm() < 0.04
    agreement = [
        (a.choices == b.choices).float().mean().item()
        for a, b in zip(plain.stats, small.stats, strict=True)
    ]
    assert len(agreement) == 2
    assert min(agreement) > 0.95


def test_quantisation_makes_another_run(golden: Path) -> None:
    def run(quant: str) -> Run:
        model = moe_llava.load(str(golden / "phi"), device="cpu", quant=quant)
        described = model.describe()
        weights = described.pop("weights")
        return Run("phi", "moe_llava", described, weights, "normal")

    assert run("int8").settings["quant"] == "int8"
    assert "quant" not in run("none").settings  # runs of before keep their name
    assert fingerprint(run("int8")) != fingerprint(run("none"))
