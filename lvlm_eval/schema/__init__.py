"""The values that travel through lvlm_eval, from a benchmark's file to a table's cell.

All are frozen, slotted and picklable; none has behaviour beyond its own invariants.
Nothing else of ours is imported here and nothing heavy: nearly every other module imports it.
"""

from lvlm_eval.schema.asking import (
    JSON,
    Base64Cell,
    Decoding,
    Finish,
    Image,
    Mode,
    Model,
    ParquetCell,
    Part,
    Prompt,
    Request,
    Response,
    Sample,
    Turn,
)
from lvlm_eval.schema.marking import (
    Answered,
    Assurance,
    HubSplit,
    Metrics,
    Record,
    Score,
    Scorer,
    Tally,
    Task,
    Upload,
    Verdict,
)
from lvlm_eval.schema.shown import Cell, Rank, Source, Table
from lvlm_eval.schema.stored import Cost, Estimate, Run, Summary, TaskRun

__all__ = [
    "JSON",
    "Answered",
    "Assurance",
    "Base64Cell",
    "Cell",
    "Cost",
    "Decoding",
    "Estimate",
    "Finish",
    "HubSplit",
    "Image",
    "Metrics",
    "Mode",
    "Model",
    "ParquetCell",
    "Part",
    "Prompt",
    "Rank",
    "Record",
    "Request",
    "Response",
    "Run",
    "Sample",
    "Score",
    "Scorer",
    "Source",
    "Summary",
    "Table",
    "Tally",
    "Task",
    "TaskRun",
    "Turn",
    "Upload",
    "Verdict",
]
