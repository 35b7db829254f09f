"""Evaluation of large vision-language models: official scores, deterministic, nothing lost."""

from lvlm_eval.api import evaluate, leaderboard, load_run
from lvlm_eval.errors import EvalError
from lvlm_eval.schema import (
    Baseline,
    Cell,
    Decoding,
    Estimate,
    Image,
    Model,
    Prompt,
    Record,
    Request,
    Response,
    Sample,
    Score,
    Scorer,
    Streams,
    Summary,
    Table,
    Task,
    Turn,
)

__all__ = [
    "Baseline",
    "Cell",
    "Decoding",
    "Estimate",
    "EvalError",
    "Image",
    "Model",
    "Prompt",
    "Record",
    "Request",
    "Response",
    "Sample",
    "Score",
    "Scorer",
    "Streams",
    "Summary",
    "Table",
    "Task",
    "Turn",
    "evaluate",
    "leaderboard",
    "load_run",
]
