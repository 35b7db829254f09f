"""What a sample of questions says: intervals, paired tests, how long to go on asking.

Knows tallies (the sums of one cluster) and functions of them; knows no task and no store.
`docs/statistics.md` says why it is done this way.
"""

from lvlm_eval.stats.pairs import (
    Difference,
    holm,
    mcnemar,
    paired_difference,
    paired_differences,
)
from lvlm_eval.stats.resampling import (
    FEW_CLUSTERS,
    LEVEL,
    REPLICATES,
    ToMetrics,
    bootstrap,
    bootstrap_all,
    caveats,
    scaled,
)
from lvlm_eval.stats.sequence import Bets, confidence_sequence, log_capital

__all__ = [
    "FEW_CLUSTERS",
    "LEVEL",
    "REPLICATES",
    "Bets",
    "Difference",
    "ToMetrics",
    "bootstrap",
    "bootstrap_all",
    "caveats",
    "confidence_sequence",
    "holm",
    "log_capital",
    "mcnemar",
    "paired_difference",
    "paired_differences",
    "scaled",
]
