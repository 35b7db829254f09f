"""Letters of options by the rules of single benchmarks' own scripts; common ones: `letters.py`."""

from __future__ import annotations

import re

from lvlm_eval.answers.letters import Options

_LEADING = re.compile(r"[(\s]*([A-Z])", re.IGNORECASE)


def leading_letter(text: str, options: Options) -> str | None:
    """lmms-eval on BLINK, CV-Bench and EmbSpatial: the first letter, brackets left out.

    Any word begins with a letter: "Both" is B.
    """
    found = _LEADING.match(text.strip())
    return found[1].upper() if found else None
