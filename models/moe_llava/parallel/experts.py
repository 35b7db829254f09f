"""Which group of ranks each expert lives in: in turn, or so that measured loads are even."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from lvlm_eval.routing import Loads

from .parts import Homes


def in_turn(experts: Mapping[int, int], groups: int) -> Homes:
    """The homes of so many experts for each layer: 0, 1, 2, ... and from 0 again.

    Each layer begins where the last one ended, so that uneven counts even out over layers.
    """
    homes, given = {}, 0
    for layer, count in experts.items():
        homes[layer] = [(given + expert) % groups for expert in range(count)]
        given += count
    return homes


def balanced(loads: Loads, groups: int) -> Homes:
    """Homes with which the busiest group of each layer has little more than the others.

    The heaviest expert first, each to the group that has least so far (Graham 1969, LPT: at most
    4/3 of the best); of equals, the group with fewer experts, then the one with less over all
    layers so far, then the first.
    """
    homes, overall = {}, [0] * groups
    for layer, counts in loads.items():
        work, held, home = [0] * groups, [0] * groups, [0] * len(counts)
        for expert in sorted(range(len(counts)), key=lambda one: (-counts[one], one)):
            chosen = min(range(groups), key=lambda g: (work[g], held[g], overall[g], g))
            home[expert] = chosen
            work[chosen] += counts[expert]
            held[chosen] += 1
        overall = [total + part for total, part in zip(overall, work, strict=True)]
        homes[layer] = home
    return homes


def imbalance(loads: Loads, homes: Homes, groups: int) -> Fraction:
    """How much longer the experts take than if each group had the same: 1 is perfect.

    All wait in each layer for its busiest group: the sum of those over the sum of the means.
    """
    busiest = total = 0
    for layer, counts in loads.items():
        work = [0] * groups
        for expert, count in enumerate(counts):
            work[homes[layer][expert]] += count
        busiest += max(work)
        total += sum(counts)
    return Fraction(busiest * groups, total) if total else Fraction(1)
