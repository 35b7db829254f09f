"""How many tokens each expert serves, counted while a network computes."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor, nn

from .moe import MoELayer, RouterStats


@dataclass(slots=True)
class Served:
    """Counts by layer and expert, (E,) each, on the network's device; none until it watches.

    One for each choice that was kept, padding too where a batch has any, as `RouterStats` has it.
    """

    found: dict[int, Tensor] = field(default_factory=dict)

    def watch(self, network: nn.Module) -> None:
        """Counts from now on whatever the network's layers compute."""
        for module in network.modules():
            if isinstance(module, MoELayer):
                module.register_forward_hook(self._count)

    def take(self) -> dict[int, list[int]]:
        """The counts since they were last taken, by layer."""
        found, self.found = self.found, {}
        return {layer: found[layer].tolist() for layer in sorted(found)}

    def _count(self, module: nn.Module, given: object, out: tuple[Tensor, RouterStats]) -> None:
        stats = out[1]
        choices, kept = stats.choices.flatten(), stats.kept.flatten().long()  # (N * k,)
        # added up where they are: nothing waits for a GPU
        served = choices.new_zeros(stats.logits.shape[1]).scatter_add(0, choices, kept)  # (E,)
        before = self.found.get(stats.layer)
        self.found[stats.layer] = served if before is None else before + served
