"""Recorded value against ours: tolerances, what is left out and why, the result as text."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TypedDict

import torch
from torch import Tensor

from .fixture import Fixture, Value

# fp32, absolute; the first pattern that matches. Everything else is exact.
TOLERANCES: tuple[tuple[str, float], ...] = (
    (r"pixel_values", 1e-6),
    (r"tower_features", 2e-5),
    (r"image_features|inputs_embeds", 3e-5),
    (r"(.*\.)?gate_logits\.\d+", 2e-4),
    (r"(.*\.)?combine_weights\.\d+", 5e-5),
    (r"(.*\.)?(logits|logits_last|logits_valid|text_only_logits)", 2e-4),
    (r"(.*\.)?l_aux|moe_loss|loss_with_labels", 1e-5),
    (r"expert_load", 1e-6),
    (r"min_(router|generation_logit)_margin", 4e-4),  # a difference of two logits
    (r"logit_std", 2e-4),
)

# Recorded defects of the original; right answers are compared under other names. And what no
# answer depends on.
_POSITIONS = "the original decodes a right-padded row from a padding position"
_PHI = "the original's phi jumps in position by the padding when it decodes"
_BLIND = "padding that sees no key is mixed otherwise by GPU kernels; its routing counts in l_aux"
_SLOTS = "capacity depends on who shares a forward; padding rows take slots, too"
LEFT_OUT: tuple[tuple[str, str, str], ...] = (
    (r"batch_right\.generated_ids", "all", _POSITIONS),
    (r"batch_left\.generated_ids", "phi", _PHI),
    (r"batch_(left|right)\.(l_aux|logits_\w+|generated_ids\w*)", "dropping fixtures", _SLOTS),
    (r"batch_left\.l_aux", "GPU", _BLIND),
)


class Difference(TypedDict):
    """max_abs_diff is infinite where shapes differ, 1 where texts do."""

    max_abs_diff: float
    tolerance: float


class FixtureResult(TypedDict):
    """ids_equal: all token ids agree. left_out: name to reason. error: why nothing was compared."""

    ok: bool
    ids_equal: bool
    tensors: dict[str, Difference]
    not_checked: list[str]
    left_out: dict[str, str]
    error: str


def failed(error: str) -> FixtureResult:
    """The result of a fixture whose checkpoint could not be loaded."""
    return FixtureResult(
        ok=False, ids_equal=False, tensors={}, not_checked=[], left_out={}, error=error
    )


def compare(
    fixture: Fixture, ours: Mapping[str, Value], more: Mapping[str, str], *, gpu: bool = False
) -> FixtureResult:
    """Every recorded value against ours of the same name; what we lack is not_checked.

    more: names of ours that repeat a recorded value by another way, to that value's name. gpu:
    whether ours were computed on one.
    """
    recorded = fixture.values
    left_out = {name: reason for name in recorded if (reason := _left_out(name, fixture, gpu))}
    pairs = {name: name for name in recorded if name not in left_out}
    pairs |= {name: target for name, target in more.items() if target in recorded}
    tensors = {
        name: Difference(
            max_abs_diff=difference(recorded[target], ours[name]), tolerance=tolerance(target)
        )
        for name, target in pairs.items()
        if name in ours
    }
    return conclude(tensors, sorted(pairs.keys() - ours.keys()), left_out)


def conclude(
    tensors: dict[str, Difference], not_checked: list[str], left_out: dict[str, str]
) -> FixtureResult:
    """Passed if something was compared, all of it within its tolerance and nothing forgotten."""
    wrong = [name for name, d in tensors.items() if not d["max_abs_diff"] <= d["tolerance"]]
    return FixtureResult(
        ok=bool(tensors) and not wrong and not not_checked,
        ids_equal=not any(re.search(r"(^|_)ids", name) for name in [*wrong, *not_checked]),
        tensors=tensors,
        not_checked=not_checked,
        left_out=left_out,
        error="",
    )


def tolerance(name: str) -> float:
    return next((size for pattern, size in TOLERANCES if re.fullmatch(pattern, name)), 0.0)


def difference(expected: Value, got: Value) -> float:
    """The largest absolute difference of two tensors, numbers, texts, or lists or objects."""
    if isinstance(expected, Tensor) or isinstance(got, Tensor):
        return _tensor_difference(torch.as_tensor(expected), torch.as_tensor(got))
    if isinstance(expected, Mapping) and isinstance(got, Mapping):
        if expected.keys() != got.keys():
            return math.inf
        return max((difference(expected[key], got[key]) for key in expected), default=0.0)
    if isinstance(expected, list) and isinstance(got, list):
        if len(expected) != len(got):
            return math.inf
        return max((difference(a, b) for a, b in zip(expected, got, strict=True)), default=0.0)
    if isinstance(expected, (int, float)) and isinstance(got, (int, float)):
        return abs(expected - got)
    return 0.0 if expected == got else 1.0


def _tensor_difference(expected: Tensor, got: Tensor) -> float:
    if expected.shape != got.shape:
        return math.inf
    if not expected.numel():
        return 0.0
    largest = (expected.double() - got.cpu().double()).abs().max().item()
    return math.inf if math.isnan(largest) else largest


def _left_out(name: str, fixture: Fixture, gpu: bool) -> str:
    """Why a recorded value is not compared; empty for one that is."""
    applies = {
        "all": True,
        "phi": fixture.family == "phi",
        "dropping fixtures": fixture.drops,
        "GPU": gpu,
    }
    for pattern, scope, reason in LEFT_OUT:
        if applies[scope] and re.fullmatch(pattern, name):
            return reason
    return ""


def as_text(results: Mapping[str, FixtureResult]) -> str:
    """A line for each fixture, then whatever is wrong in it, then what was left out and why."""
    lines = [_fixture_text(name, result) for name, result in results.items()]
    reasons: dict[str, list[str]] = {}
    for fixture, result in results.items():
        for name, reason in result["left_out"].items():
            reasons.setdefault(reason, []).append(f"{fixture}/{name}")
    if reasons:
        lines.append("left out, and why:")
        lines += [f"  {reason}: {', '.join(names)}" for reason, names in reasons.items()]
    return "\n".join(lines)


def _fixture_text(name: str, result: FixtureResult) -> str:
    if result["error"]:
        return f"FAIL {name}: {result['error']}"
    shares = [
        difference["max_abs_diff"] / difference["tolerance"]
        for difference in result["tensors"].values()
        if difference["tolerance"]
    ]
    verdict = "ok  " if result["ok"] else "FAIL"
    ids = "equal" if result["ids_equal"] else "DIFFER"
    worst = f"at most {max(shares, default=0.0):.0%} of a tolerance"
    lines = [f"{verdict} {name}: {len(result['tensors'])} values, {worst}, ids {ids}"]
    for key, found in result["tensors"].items():
        if not found["max_abs_diff"] <= found["tolerance"]:
            lines.append(f"  {key}: off by {found['max_abs_diff']:g} of {found['tolerance']:g}")
    lines += [f"  {key}: NOT CHECKED" for key in result["not_checked"]]
    return "\n".join(lines)
