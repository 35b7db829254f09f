"""Whether models of transformers, cut over two processes by its own plans, compute as whole ones.

    python -m bench.hf_plans [FAMILY ...]        gloo, on this CPU; without names those of FAMILIES

Each family (a model_type) is built tiny, with random weights, from its default configuration, and
asked 24 made-up words without a picture: towers stay whole, so what may go wrong is in the
language model. A line says how far the logits are from those of the whole model, how large these
are, and whether six greedy tokens are the same; or why there is no such line.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
import torch.distributed
import transformers
from torch import Tensor
from torch.multiprocessing import spawn  # type: ignore[attr-defined]
from transformers import AutoModelForImageTextToText
from transformers.distributed import DistributedConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from lvlm_eval.errors import EvalError
from lvlm_eval.models.hf.cutting import check_can_be_cut, check_was_cut

RANKS = 2
FAMILIES = (
    "aria", "aya_vision", "cohere2_vision", "cosmos3_edge", "deepseek_vl", "exaone4_5", "gemma3",
    "gemma4", "glm4v", "glm_ocr", "granite_docling", "idefics2", "idefics3", "internvl", "janus",
    "lfm2_vl", "lighton_ocr", "llama4", "llava", "llava_next", "llava_next_video",
    "llava_onevision", "minicpmv4_6", "mistral3", "mllama", "ovis2", "paddleocr_vl", "paligemma",
    "qianfan_ocr", "qwen2_5_vl", "qwen2_vl", "qwen3_5", "qwen3_5_moe", "qwen3_vl", "smolvlm",
    "video_llama_3", "video_llava", "vipllava",
)  # fmt: skip
# Sizes, by how configurations call them; the rest stays as it is by default.
_SIZES = {
    "hidden_size": 64, "d_model": 64, "embed_dim": 64, "out_hidden_size": 64, "projection_dim": 64,
    "vision_output_dim": 64, "projector_input_dim": 64, "projector_output_dim": 64,
    "intermediate_size": 96, "intermediate_size_mlp": 96, "ffn_dim": 96,
    "moe_intermediate_size": 48, "shared_expert_intermediate_size": 48,
    "num_hidden_layers": 2, "encoder_layers": 2, "decoder_layers": 2, "depth": 2,
    "num_global_layers": 1,
    "num_attention_heads": 4, "num_heads": 4, "vision_num_heads": 4, "num_key_value_heads": 2,
    "head_dim": 16, "linear_num_value_heads": 4, "linear_num_key_heads": 2,
    "linear_value_head_dim": 16, "linear_key_head_dim": 16,
    "num_experts": 4, "num_local_experts": 4, "n_routed_experts": 4, "moe_num_experts": 4,
    "num_experts_per_tok": 2, "moe_topk": 2, "moe_num_shared_experts": 1,
    "image_size": 32, "patch_size": 8, "pooler_hidden_size": 32, "vocab_size": 300,
}  # fmt: skip
# What transformers raises for sizes that do not fit together, and for plans that do not run.
_WRONG = (EvalError, ValueError, TypeError, KeyError, AttributeError, ImportError, RuntimeError)
_LISTS = ("layer_types", "mlp_layer_types", "no_rope_layers", "moe_layers")


def small(fields: dict[str, object]) -> dict[str, object]:
    """A configuration's fields with all sizes small."""
    return {name: _small(name, value) for name, value in fields.items()}


def _small(name: str, value: object) -> object:
    if isinstance(value, dict):
        if name == "per_layer_config":
            return {1: small(next(iter(value.values()), {}))}
        if name == "rope_parameters":
            return value | {"mrope_section": [2, 3, 3]}
        return small(value) if name.endswith("config") else value
    if name in _LISTS and isinstance(value, list):
        return [value[0], value[-1]]
    if name.endswith(("token_id", "token_index")) and isinstance(value, int):
        return value % 280
    counted = isinstance(value, int) and not isinstance(value, bool)
    return _SIZES[name] if name in _SIZES and (counted or value is None) else value


def build(family: str, folder: Path) -> None:
    """Saves the model with weights so drawn that the logits differ by word."""
    config = CONFIG_MAPPING[family].from_dict(small(CONFIG_MAPPING[family]().to_dict()))
    torch.manual_seed(3)
    model = AutoModelForImageTextToText.from_config(config, dtype=torch.float32)
    draws = torch.Generator().manual_seed(3)
    for parameter in model.parameters():
        noise = torch.randn(parameter.shape, generator=draws)
        if parameter.dim() == 1:
            parameter.data += 0.1 * noise
        else:
            parameter.data = noise * 2 / parameter.shape[-1] ** 0.5
    check_can_be_cut(model, RANKS)
    model.save_pretrained(folder)


def asked(model: transformers.PreTrainedModel) -> tuple[Tensor, Tensor]:
    """Logits (1, T, V) of the words, and the ids with six greedy ones behind them."""
    ids = torch.arange(5, 29)[None]
    given = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    with torch.no_grad():
        logits = model(**given).logits
    return logits, model.generate(**given, max_new_tokens=6, do_sample=False)


def compared(folder: Path) -> str:
    """The cut model beside the whole one, in words; all ranks call it."""
    how = {"dtype": torch.float32, "local_files_only": True}
    plan = DistributedConfig(tp_plan="auto", tp_size=RANKS)
    cut = AutoModelForImageTextToText.from_pretrained(folder, distributed_config=plan, **how).eval()
    check_was_cut(cut)
    logits, ids = asked(cut)
    whole = AutoModelForImageTextToText.from_pretrained(folder, **how).eval()
    expected, tokens = asked(whole)
    off, largest = float((logits - expected).abs().max()), float(expected.abs().max())
    same = "same tokens" if torch.equal(ids, tokens) else "OTHER TOKENS"
    return f"logits off by {off:.1e} of {largest:.1f}, {same}"


def _work(rank: int, folder: str, families: Sequence[str]) -> None:
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    meeting = f"file://{folder}/store"
    torch.distributed.init_process_group("gloo", meeting, rank=rank, world_size=RANKS)
    for family in families:
        place = Path(folder) / family
        told = [_tried(build, family, place) if rank == 0 else ""]
        torch.distributed.broadcast_object_list(told)
        said = told[0] or _tried(compared, place)
        if rank == 0:
            print(f"{family}: {said}", flush=True)
    torch.distributed.destroy_process_group()


def _tried(step: Callable[..., str | None], *given: object) -> str:
    """What comes of it, or the first line of what went wrong."""
    try:
        return step(*given) or ""
    except _WRONG as error:
        return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        spawn(_work, (made, sys.argv[1:] or FAMILIES), RANKS)  # type: ignore[no-untyped-call]
