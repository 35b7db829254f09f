"""The table of a checkpoint's keys to our parameters, read both ways.

A key belongs to one of our parameters, is dropped by name, or is an error: a misspelt key never
leaves random weights behind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from lvlm_eval.errors import CheckpointError

from .backbones import Family
from .projector_kinds import projector_keys


@dataclass(frozen=True, slots=True)
class KeyTable:
    """Pairs of our name and the checkpoint's, {n} and {e} standing for numbers, and what to drop.

    The end .weight or .bias is carried over and stands in no pair. Where several foreign names
    belong to one of ours, all are read and the first is written.
    fused: end of the names whose tensor is three of ours one after the other, /0, /1 and /2.
    """

    pairs: tuple[tuple[str, str], ...]
    dropped: tuple[str, ...] = ()
    fused: str = ""

    def parts(self, key: str) -> list[str]:
        """The names of what a checkpoint's tensor holds: itself, or its three parts."""
        stem, dot, end = key.rpartition(".")
        if not self.fused or not stem.endswith(self.fused):
            return [key]
        return [f"{stem}/{part}{dot}{end}" for part in range(3)]

    def ours(self, key: str, origin: object = "weights") -> str | None:
        """Our parameter for a checkpoint's key; None for one that is dropped by name.

        CheckpointError, naming the origin, for a key that the table does not know.
        """
        if any(re.fullmatch(pattern, key) for pattern in self.dropped):
            return None
        name = _translate(key, ((theirs, ours) for ours, theirs in self.pairs))
        if name is None:
            raise CheckpointError(
                f"{origin}: holds {key!r}, which is no part of this architecture; "
                "is config.json the one that belongs to them?"
            )
        return name

    def theirs(self, name: str) -> str:
        """The checkpoint's key for our parameter."""
        key = _translate(name, self.pairs)
        if key is None:
            raise ValueError(f"no row of the key table has {name!r}")
        return key


def network_table(family: Family, projector_kind: str) -> KeyTable:
    """Decoder and projector, as MoE-LLaVA saves them (LLaVA-1.5's projector is read, too).

    The copy of the tower in there is dropped: the original never reads it.
    """
    pairs = [(f"decoder.{ours}", theirs) for ours, theirs in family.names.items()]
    ours_mlp, mlp = "decoder.blocks.{n}.mlp.", family.layer + "mlp."
    moe = mlp + "deepspeed_moe."
    for ours, theirs in family.mlp_names.items():
        pairs += [
            (f"{ours_mlp}{ours}", f"{mlp}{theirs}"),
            (f"{ours_mlp}experts.{{e}}.{ours}", f"{moe}experts.deepspeed_experts.{{e}}.{theirs}"),
            (f"{ours_mlp}shared.{ours}", f"{mlp}mlp.{theirs}"),
        ]
    pairs += [(ours_mlp + "router", moe + "gate.wg"), (ours_mlp + "mixer", mlp + "coefficient")]
    repeated: list[str] = []
    for projector in ("mm_projector.image_spatial_proj", "mm_projector"):
        rows, dropped = projector_keys(projector_kind, family.root + projector)
        pairs, repeated = pairs + rows, repeated + dropped
    tower = re.escape(family.root) + r"(image|vision)_tower\..*"
    return KeyTable(tuple(pairs), (tower, r".*\.rotary_emb\.inv_freq", *repeated), family.fused)


def tower_table(used_layers: int) -> KeyTable:
    """The vision half of a CLIP or SigLIP model; the text half is dropped.

    transformers 5 saves the half alone without the prefix that it has in all other files.
    """
    pairs, dropped = tower_rows(used_layers, ("vision_model.", ""))
    text = r"(text_model|text_projection|visual_projection)\..*", r"logit_(scale|bias)"
    return KeyTable(tuple(pairs), (*text, *dropped))


def tower_rows(
    used_layers: int, prefixes: Sequence[str]
) -> tuple[list[tuple[str, str]], list[str]]:
    """Rows of a tower whose keys have one of the prefixes, the first of which is written; and
    patterns of what is dropped: heads, final norm and the layers above the selected one."""
    ours, theirs = "vision.blocks.{n}.", "encoder.layers.{n}."
    attention = ("query", "q_proj"), ("key", "k_proj"), ("value", "v_proj"), ("out", "out_proj")
    names = [
        ("vision.patches", "embeddings.patch_embedding"),
        ("vision.class_token", "embeddings.class_embedding"),
        ("vision.positions", "embeddings.position_embedding"),
        ("vision.pre_norm", "pre_layrnorm"),  # the misspelling is CLIP's
        (ours + "attention_norm", theirs + "layer_norm1"),
        (ours + "mlp_norm", theirs + "layer_norm2"),
        (ours + "mlp.up", theirs + "mlp.fc1"),
        (ours + "mlp.down", theirs + "mlp.fc2"),
        *((f"{ours}attention.{a}", f"{theirs}self_attn.{b}") for a, b in attention),
    ]
    used = "|".join(map(str, range(used_layers)))
    above = rf"encoder\.layers\.(?!(?:{used})\.).*"
    unused = rf"(?:post_layernorm|head)\..*|embeddings\.position_ids|{above}"
    pairs = [(name, prefix + key) for prefix in prefixes for name, key in names]
    return pairs, [f"{re.escape(prefix)}(?:{unused})" for prefix in prefixes]


def _translate(name: str, pairs: Iterable[tuple[str, str]]) -> str | None:
    for source, target in pairs:
        found = _pattern(source).fullmatch(name)
        if found is not None:
            numbers = {key: value for key, value in found.groupdict().items() if key != "end"}
            return target.format(**numbers) + (found["end"] or "")
    return None


@lru_cache(maxsize=1024)
def _pattern(template: str) -> re.Pattern[str]:
    numbered = re.sub(r"\\\{(\w)\\\}", r"(?P<\1>\\d+)", re.escape(template))
    return re.compile(numbered + r"(?P<end>\.weight|\.bias)?")
