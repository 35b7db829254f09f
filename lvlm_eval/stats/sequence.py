"""How sure a mean difference is after every cluster, with leave to stop at any.

Testing by betting: whoever holds the mean to be at least b sells a fair bet on its being
lower. Capital that grows to 1/alpha refutes b, and by Ville's inequality a true b is refuted
with a probability of at most alpha over all of time, however often one looks. The capital is
the mean of constant bets, so it does not depend on the order of the clusters.
Waudby-Smith & Ramdas 2024, "Estimating means of bounded random variables by betting", JRSS B,
sections 4.2 and 4.4 (grids of constant bets); bets are shares of what may be staked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float64]

_BETS = 25
# Shares of what may be staked without ruin; evenly spaced, since the mean of a cluster varies
# little and a loss in it is worth a large bet.
_SMALLEST, _LARGEST = 0.03, 0.99
_STEPS = 40  # of halving: bounds are exact to 2^-39


class Bets:
    """Bets against a bound on the mean of values between -1 and 1, cluster by cluster."""

    def __init__(self, bound: float, *, lower: bool) -> None:
        """Against a mean of `bound` or more where `lower`, else of `bound` or less."""
        self._bound, self._lower = bound, lower
        self._stakes = _stakes()
        self._logs = 0.0 * self._stakes

    def add(self, value: float) -> None:
        import numpy as np

        self._logs = self._logs + np.log1p(self._stakes * _gain(value, self._bound, self._lower))

    @property
    def log_capital(self) -> float:
        """Of a start at 1; at or above log(1/alpha) the bound is refuted."""
        import numpy as np

        return float(np.logaddexp.reduce(self._logs)) - math.log(_BETS)


def log_capital(values: Sequence[float], bound: float, *, lower: bool) -> Floats:
    """What `Bets` against the bound come to after each of the values: (values,)."""
    import numpy as np

    gains = _gain(np.array(values, dtype=np.float64)[:, None], bound, lower)
    logs = np.log1p(_stakes()[None, :] * gains).cumsum(axis=0)  # (values, bets)
    capital: Floats = np.logaddexp.reduce(logs, axis=1) - math.log(_BETS)
    return capital


def confidence_sequence(values: Sequence[float], alpha: float) -> tuple[float, float]:
    """The means, from -1 to 1, that bets of level alpha/2 a side have not refuted."""
    return _refuted_to(values, alpha / 2, lower=False), _refuted_to(values, alpha / 2, lower=True)


def _refuted_to(values: Sequence[float], alpha: float, *, lower: bool) -> float:
    """The bound next to the mean that is refuted, by halving: capital grows with distance."""
    held, refuted = -1.0 if lower else 1.0, 1.0 if lower else -1.0
    for _ in range(_STEPS):
        bound = (held + refuted) / 2
        if log_capital(values, bound, lower=lower)[-1] >= -math.log(alpha):
            refuted = bound
        else:
            held = bound
    return refuted


def _gain(value: Floats | float, bound: float, lower: bool) -> Floats | float:
    """What a stake of 1 wins, -1 at worst: all values lie between -1 and 1."""
    return (bound - value) / (1 - bound) if lower else (value - bound) / (1 + bound)


def _stakes() -> Floats:
    import numpy as np

    return np.linspace(_SMALLEST, _LARGEST, _BETS)
