"""What can go wrong, as one tree; the command line turns each into one line and an exit code.

EvalError                     70  base: catch this one to catch all
├── UsageError                 2  an option, task or model name that does not exist or fit
├── DataError                  2  a benchmark's file: missing, broken, inconsistent
│   ├── MissingData            2  what to put where
│   └── ImageError             2  not an image, truncated, over the pixel limit
├── PredictionError            2  an answers file: unknown or repeated ids, broken lines
├── CheckpointError            2  a model folder that cannot be read as it stands
├── FetchError                2  a hub that has no such model, refuses it, or sends other bytes
├── StoreError                 2  a run folder that is damaged
│   └── RunMismatch            2  a run folder that holds another run
├── Incomplete                 3  not all is there yet; the same command goes on
├── NotComparable              4  two results that measure different things
└── TooFewAnswers              5  missing or failed answers above what was allowed

Messages say what is wrong, where (file and line), why it matters if that is not plain, and
what to do.
"""

from typing import ClassVar


class EvalError(Exception):
    """Any error that lvlm_eval raises on purpose."""

    exit_code: ClassVar[int] = 70


class UsageError(EvalError):
    exit_code = 2


class DataError(EvalError):
    exit_code = 2


class MissingData(DataError):
    pass


class ImageError(DataError):
    pass


class PredictionError(EvalError):
    exit_code = 2


class CheckpointError(EvalError):
    exit_code = 2


class FetchError(EvalError):
    exit_code = 2


class StoreError(EvalError):
    exit_code = 2


class RunMismatch(StoreError):
    pass


class Incomplete(EvalError):
    exit_code = 3


class NotComparable(EvalError):
    exit_code = 4


class TooFewAnswers(EvalError):
    exit_code = 5


def first_line(error: BaseException) -> str:
    """The first line of what an error says that is not blank; its type's name if there is none."""
    lines = (line.strip() for line in str(error).splitlines())
    return next(filter(None, lines), type(error).__name__)
