"""DeepSpeed's steps: what was put into its files comes out, bit for bit, or a reason why not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from lvlm_eval.errors import CheckpointError, UsageError
from lvlm_eval.models.moe_llava.checkpoint import open_checkpoint
from lvlm_eval.models.moe_llava.conversion.convert import convert
from lvlm_eval.models.moe_llava.conversion.job import Job
from lvlm_eval.models.moe_llava.conversion.pickles import ALLOWED

from .zero_files import EXPERT, model_states, save, save_experts, save_zero_2, save_zero_3

PHI = Path(__file__).parents[3] / "data" / "golden" / "moe_llava" / "phi"
TOWER = "model.image_tower."


@pytest.fixture(scope="module")
def half() -> dict[str, Tensor]:
    """The recorded MoE phi, tower copy included, in 16 bit."""
    tensors: dict[str, Tensor] = load_file(PHI / "model.safetensors")
    return tensors


@pytest.fixture(scope="module")
def masters(half: dict[str, Tensor]) -> dict[str, Tensor]:
    """fp32 weights that the 16-bit ones are not equal to."""
    generator = torch.Generator().manual_seed(2)
    return {
        key: tensor.float() + torch.rand(tensor.shape, generator=generator) * 1e-4
        for key, tensor in half.items()
    }


def experts(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key: tensor for key, tensor in tensors.items() if EXPERT in key}


def rest(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {k: t for k, t in tensors.items() if EXPERT not in k and not k.startswith(TOWER)}


def tower(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key: tensor for key, tensor in tensors.items() if key.startswith(TOWER)}


@pytest.fixture
def step(tmp_path: Path) -> Path:
    """checkpoint-5/global_step5 in a run's folder, with settings and tokenizer beside it."""
    checkpoint = tmp_path / "run" / "checkpoint-5"
    names = ("golden.json", "golden.safetensors", "model.safetensors")
    shutil.copytree(PHI, checkpoint, ignore=shutil.ignore_patterns(*names))
    (checkpoint / "latest").write_text("global_step5")
    return checkpoint / "global_step5"


def converted(step: Path, dtype: torch.dtype | None = None) -> dict[str, Tensor]:
    target = step.parents[1] / "out"
    convert(str(step), "", Job(target, "original", dtype, 1 << 40))
    tensors: dict[str, Tensor] = load_file(target / "model.safetensors")
    return tensors


def assert_equal(got: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    assert got.keys() == expected.keys()
    for key, tensor in expected.items():
        assert got[key].dtype == tensor.dtype, key
        assert torch.equal(got[key], tensor), key


def decay(tensors: Mapping[str, Tensor], *, biases: bool) -> dict[str, Tensor]:
    return {key: tensor for key, tensor in tensors.items() if (tensor.dim() == 1) is biases}


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_of_stage_2_the_fp32_partitions_are_joined(
    step: Path, half: dict[str, Tensor], masters: dict[str, Tensor], ranks: int
) -> None:
    plain = rest(masters)
    groups = [decay(plain, biases=False), decay(plain, biases=True), experts(masters)]
    states = model_states(rest(half) | tower(half), groups, frozen=tower(half))
    save_zero_2(step, groups, states, ranks=ranks)
    save_experts(step, experts(half), layers=[0, 2])
    assert_equal(converted(step), plain | experts(masters))


def test_padding_after_single_parameters_is_left_out(
    step: Path, half: dict[str, Tensor], masters: dict[str, Tensor]
) -> None:
    groups = [rest(masters), experts(masters)]
    paddings = [[n % 3 for n in range(len(group))] for group in groups]
    save_zero_2(step, groups, model_states(rest(half), groups), paddings=paddings)
    assert_equal(converted(step), rest(masters) | experts(masters))


def test_experts_spread_over_ranks_come_from_their_own_files(
    step: Path, half: dict[str, Tensor], masters: dict[str, Tensor]
) -> None:
    local = {key: tensor for key, tensor in experts(masters).items() if f"{EXPERT}0." in key}
    groups = [rest(masters), local]
    save_zero_2(step, groups, model_states(rest(half), groups), counts=[2, 1])
    save_experts(step, experts(half), layers=[0, 2])
    assert_equal(converted(step), rest(masters) | experts(half))


def test_without_optimizer_states_the_16_bit_weights_count(
    step: Path, half: dict[str, Tensor]
) -> None:
    save(model_states(rest(half) | tower(half), []), step / "mp_rank_00_model_states.pt")
    save_experts(step, experts(half), layers=[0, 2])
    assert_equal(converted(step), rest(half) | experts(half))


def test_of_stage_3_every_parameter_is_put_together_from_all_ranks(
    step: Path, masters: dict[str, Tensor]
) -> None:
    every = rest(masters) | experts(masters)
    frozen = {key: every.pop(key) for key in list(every) if "embed_tokens" in key}
    groups = [decay(every, biases=False), decay(every, biases=True)]
    save_zero_3(step, groups, frozen)
    assert_equal(converted(step), every | frozen)


def test_the_result_is_a_checkpoint_with_settings_tokenizer_and_tower(
    step: Path, half: dict[str, Tensor]
) -> None:
    save(model_states(rest(half), []), step / "mp_rank_00_model_states.pt")
    save_experts(step, experts(half), layers=[0, 2])
    expected = open_checkpoint(str(PHI)).load(412, torch.float32).state_dict()
    target = step.parents[1] / "out"
    convert(str(step.parent), "", Job(target, "original", torch.float32, 100_000))
    assert len(list(target.glob("model-*.safetensors"))) > 1
    got = open_checkpoint(str(target)).load(412, torch.float32).state_dict()
    assert all(torch.equal(got[name], expected[name]) for name in expected)
    config = json.loads((target / "config.json").read_text())
    assert config["torch_dtype"] == "float32"


def test_a_dtype_rounds_all_but_the_routers(
    step: Path, half: dict[str, Tensor], masters: dict[str, Tensor]
) -> None:
    groups = [rest(masters), experts(masters)]
    save_zero_2(step, groups, model_states(rest(half), groups))
    got = converted(step, torch.bfloat16)
    for key, tensor in (rest(masters) | experts(masters)).items():
        kept = torch.float32 if "gate.wg" in key else torch.bfloat16
        assert torch.equal(got[key], tensor.to(kept)), key


def test_shared_parameters_have_one_source(step: Path, masters: dict[str, Tensor]) -> None:
    from lvlm_eval.models.moe_llava.conversion.deepspeed import open_step, step_outputs

    embedding = {"model.embed_tokens.weight": masters["model.embed_tokens.weight"]}
    states = model_states({"lm_head.weight": torch.zeros(2, 2)}, [embedding])
    states["shared_params"] = {"lm_head.weight": "model.embed_tokens.weight"}
    save_zero_2(step, [embedding], states)
    outputs = {output.key: output.read() for output in step_outputs(open_step(step))}
    assert torch.equal(outputs["lm_head.weight"], embedding["model.embed_tokens.weight"])


def test_a_pickle_that_asks_for_anything_else_is_refused(
    step: Path, half: dict[str, Tensor]
) -> None:
    states = model_states(rest(half), []) | {"client_state": Path("x")}
    save(states, step / "mp_rank_00_model_states.pt")
    with pytest.raises(CheckpointError, match=r"states\.pt: refused: its pickle asks for path"):
        converted(step)
    assert not (step.parents[1] / "out").exists()
    assert all(kind.__name__ in ("int", "Inert", "dict", "defaultdict") for kind, _ in ALLOWED)


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        ("bf16_zero_pp_rank_0_mp_rank_00_optim_states.pt", r"optimizer states of the ranks \[1\]"),
        ("bf16_zero_pp_rank_1_mp_rank_00_optim_states.pt", "of 2 ranks are wanted, there are 1"),
        ("mp_rank_00_model_states.pt", "config.json: no such file|model states 0"),
    ],
)
def test_missing_files_of_a_step_are_said(
    step: Path, half: dict[str, Tensor], masters: dict[str, Tensor], lost: str, message: str
) -> None:
    groups = [rest(masters), experts(masters)]
    save_zero_2(step, groups, model_states(rest(half), groups))
    (step / lost).unlink()
    with pytest.raises(CheckpointError, match=message):
        converted(step)


def test_a_missing_expert_is_said_before_a_folder_appears(
    step: Path, half: dict[str, Tensor]
) -> None:
    save(model_states(rest(half), []), step / "mp_rank_00_model_states.pt")
    save_experts(step, experts(half), layers=[0, 2])
    (step / "layer_1_expert_2_mp_rank_00_model_states.pt").unlink()
    with pytest.raises(CheckpointError, match=r"expert|experts"):
        converted(step)
    assert [path.name for path in step.parents[1].iterdir()] == ["checkpoint-5"]


def test_partitions_of_another_checkpoint_are_refused(
    step: Path, half: dict[str, Tensor], masters: dict[str, Tensor]
) -> None:
    groups = [rest(masters), experts(masters)]
    other = [dict(list(groups[0].items())[:-2]), groups[1]]
    save_zero_2(step, other, model_states(rest(half), groups))
    with pytest.raises(CheckpointError, match="the files of this step are not of one checkpoint"):
        converted(step)


def test_tensor_parallel_steps_and_other_targets_are_refused(
    step: Path, half: dict[str, Tensor]
) -> None:
    save(model_states(rest(half), []), step / "mp_rank_00_model_states.pt")
    with pytest.raises(UsageError, match="become the original layout first"):
        convert(str(step), "", Job(step / "out", "transformers", None, 1 << 40))
    save(model_states({}, []), step / "mp_rank_01_model_states.pt")
    with pytest.raises(CheckpointError, match=r"mp_rank_01_model_states\.pt: the model is cut"):
        converted(step)


def test_latest_does_not_lead_out_of_the_folder(step: Path) -> None:
    (step.parent / "latest").write_text("../../elsewhere")
    with pytest.raises(CheckpointError, match="which is no folder beside it"):
        converted(step.parent)


def test_settings_may_lie_one_folder_further_up(step: Path, half: dict[str, Tensor]) -> None:
    save(model_states(rest(half), []), step / "mp_rank_00_model_states.pt")
    save_experts(step, experts(half), layers=[0, 2])
    for file in step.parent.iterdir():
        if file.name not in (step.name, "latest"):
            file.rename(step.parents[1] / file.name)
    assert converted(step).keys() == (rest(half) | experts(half)).keys()
    (step.parents[1] / "config.json").unlink()
    (step.parents[1] / "out").rename(step.parents[1] / "old")
    with pytest.raises(CheckpointError, match=r"no config\.json beside global_step5"):
        converted(step)
