"""A checkpoint folder, as published or as saved by the original trainer, opened and loaded.

Opening reads configuration files and the digest; weights are read by `load`. Nothing is ever
downloaded: what is missing is an error that says where it should be.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from lvlm_eval.errors import CheckpointError
from lvlm_eval.hub_cache import cached_snapshot, how_to_get, model_folder, revision_of
from lvlm_eval.weights_digest import digest_of_files

from .build import build_empty
from .config import NetworkConfig
from .config_file import CheckpointConfig, read_config
from .convert import KeyTable, network_table, tower_table
from .expert_layout import check_experts
from .fields import Fields, read_json
from .lora import Merged, merge, read_deltas
from .memory import bytes_needed, check_fits
from .network import Network
from .partial import (
    Kind,
    base_table,
    check_base,
    kind_of,
    own_files,
    own_tensors,
    with_experts,
)
from .quant import Quant, itemsize, quantiser, weight_bytes
from .stored import Stored, stored_tensors
from .transformers_keys import check_head_bias, transformers_table
from .unchanged import Stamps, check_unchanged, stamps_of
from .weights import by_our_names, check_complete, fill, plan, weight_files

_log = logging.getLogger(__name__)
Plan = dict[str, Stored | Merged]
Narrow = Callable[[Network, Plan], Plan]
# Besides the weights, what in a folder decides the answers.
_SETTINGS = (
    "config.json",
    "adapter_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
    "qwen.tiktoken",
    "arcade100k.tiktoken",
)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """An opened folder. tower: the image tower's own folder, None for a language model.

    digest: SHA-256 over weights and settings, the tower's among them. stamps: of the weight
    files as they were digested. kind: what the folder holds; what else there is comes from `base`.
    """

    name: str
    folder: Path
    config: CheckpointConfig
    tower: Path | None
    digest: str
    stamps: Stamps
    kind: Kind = "whole"
    base: Path | None = None

    @property
    def language_folder(self) -> Path:
        """The folder whose tokenizer counts: the base's where there is one."""
        return self.base or self.folder

    @property
    def revision(self) -> str:
        """The commit of a folder in the hub cache; "" for any other."""
        return revision_of(str(self.folder))

    def network_config(self, vocab_size: int) -> NetworkConfig:
        """The architecture for a tokenizer of so many tokens."""
        tower = read_json(self.tower / "config.json") if self.tower else self.config.own_tower
        try:
            return self.config.network(tower, vocab_size)
        except ValueError as error:
            raise CheckpointError(f"{self.folder}: {error}") from None

    def load(
        self,
        vocab_size: int,
        dtype: torch.dtype,
        device: str = "cpu",
        quant: Quant = "none",
        narrow: Narrow | None = None,
    ) -> Network:
        """The network with its weights, in eval mode; every key accounted for.

        Quantised module by module, so that the memory taken is that of what stays. narrow: takes
        away what another process holds of the network and of the plan.
        """
        network, place = build_empty(self.network_config(vocab_size)), torch.device(device)
        planned = self.plan(network)
        if narrow is not None:
            planned = narrow(network, planned)
        needed = bytes_needed(network, dtype, itemsize(quant))
        kind, small = str(dtype).removeprefix("torch."), quant != "none"
        check_fits(needed, kind, place, str(self.folder), quantised=small)
        network.mapped = fill(network, planned, dtype, place, quantiser(quant))
        check_unchanged(self.stamps)
        network = network.eval().to(device)
        size = weight_bytes(network)
        _log.info("loaded %s as %s on %s: %d bytes of weights", self.folder, dtype, device, size)
        return network

    def plan(self, network: Network) -> Plan:
        """Which stored tensor each parameter of the network becomes; reads none of them."""
        files, table = self._files(), self._table(network)
        named = self._named(network)
        check_experts(network.decoder.moe, named, str(self.folder))
        if self.tower and network.vision:
            of_tower = weight_files(self.tower)
            tower = tower_table(network.vision.config.used_layers)
            named |= by_our_names(stored_tensors(of_tower), tower)
            files += of_tower
            table = replace(table, pairs=(*table.pairs, *tower.pairs))
        rows = self.config.decoder.vocab_size if self.config.layout == "transformers" else None
        planned = plan(network, named, rows)
        check_complete(network, planned, files, table)
        if self.kind != "lora":
            return merge(planned, {})
        return merge(planned, read_deltas(self.folder, self._table(network)))

    def _named(self, network: Network) -> dict[str, Stored]:
        """Decoder and projector by our names, the folder's own over those of its base."""
        table = self._table(network)
        if self.base is None:
            tensors = stored_tensors(weight_files(self.folder))
            if self.config.layout == "transformers":
                check_head_bias(tensors)
            return by_our_names(tensors, table)
        family = self.config.family
        of_base = base_table(table, self.kind, family.base_dropped)
        named = by_our_names(stored_tensors(weight_files(self.base)), of_base)
        if self.kind == "lora":
            named = with_experts(named, network.decoder.moe)
        own = by_our_names(own_tensors(self.folder, self.kind, family.root), table)
        return {**named, **own}

    def _files(self) -> list[Path]:
        """The weight files of folder and base, without the tower's."""
        own = own_files(self.folder, self.kind)
        return own + (weight_files(self.base) if self.base else [])

    def processor_fields(self) -> Fields | None:
        """What the tower's preprocessor_config.json says; None without a tower.

        transformers 5 saves it as a part of processor_config.json.
        """
        if self.tower is None and self.config.own_tower is None:
            return None
        folder = self.tower or self.folder
        file, joint = folder / "preprocessor_config.json", folder / "processor_config.json"
        nested = read_json(joint).fields("image_processor") if joint.is_file() else None
        return nested if nested and not file.is_file() else read_json(file)

    def _table(self, network: Network) -> KeyTable:
        family = self.config.family
        if self.config.layout == "transformers" and network.vision:
            return transformers_table(family, network.vision.config.used_layers)
        return network_table(family, self.config.projector_kind)


def open_checkpoint(location: str, towers: str = "", base: str = "") -> Checkpoint:
    """A folder, or a hub name that is in the local cache; CheckpointError if it is neither.

    The tower is looked for under `towers`, in the folder's own `towers/`, as a local folder,
    then in the hub cache, by the name that config.json gives it. base: the model (folder or hub
    name) under a folder that holds a projector or a LoRA adapter only.
    """
    folder = model_folder(location)
    kind = kind_of(folder)
    check_base(folder, kind, base)
    below = model_folder(base) if base else None
    config = read_config(read_json(folder / "config.json"))
    tower = _find_tower(config.inputs.tower, folder, towers) if config.inputs.tower else None
    files = {folder: own_files(folder, kind)}
    files |= {part: weight_files(part) for part in (below, tower) if part}
    stamps = stamps_of(file for part in files.values() for file in part)
    digest = ""
    for part, weights in files.items():
        of_part = digest_of_files(weights + _settings(part))
        digest = hashlib.sha256(f"{digest} {of_part}".encode()).hexdigest() if digest else of_part
    name = Path(location).absolute().name
    return Checkpoint(name, folder, config, tower, digest, stamps, kind, below)


def _settings(folder: Path) -> list[Path]:
    return [folder / name for name in _SETTINGS if (folder / name).is_file()]


def _has_weights(folder: Path) -> bool:
    """Other programs leave snapshots in the hub cache that hold settings alone."""
    try:
        return bool(weight_files(folder))
    except CheckpointError:
        return False


def _find_tower(name: str, folder: Path, towers: str) -> Path:
    places = [Path(towers).expanduser() / name] if towers else []
    places += [folder / "towers" / name, Path(name).expanduser()]
    for place in places:
        if (place / "config.json").is_file():
            return place
    cached = cached_snapshot(name)
    if cached is None or not _has_weights(cached):
        raise CheckpointError(
            f"{folder}: its image tower {name} is not here; put config.json, "
            "preprocessor_config.json and the weights of that model into "
            f"{folder / 'towers' / name}, or " + how_to_get(name)
        )
    return cached
