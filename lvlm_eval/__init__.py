"""Evaluation of large vision-language models: official scores, deterministic, nothing lost."""

from lvlm_eval.abilities import Baseline, Streams
from lvlm_eval.api import ask, check, compare, evaluate, leaderboard, load_run, open_model
from lvlm_eval.errors import EvalError
from lvlm_eval.schema import (
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
    "ask",
    "check",
    "compare",
    "evaluate",
    "leaderboard",
    "load_run",
    "open_model",
]
