"""A regression gate in a few lines: is the new checkpoint worse than the one in the bundle?

    python examples/gate.py FOLDER

Here the bundled models stand for the two checkpoints: `demo`, whose run is packed into a
baseline bundle as one would commit it, and `demo:dense`, the candidate. Exit code 1 if the
candidate is worse.
"""

from __future__ import annotations

import sys
from pathlib import Path

from lvlm_eval import check, evaluate
from lvlm_eval.bundle import pack

LIMIT = 60  # questions a task: few, so that the example is quick


def main(folder: Path) -> int:
    """The exit code; runs and bundle are left in the folder."""
    before, after = evaluate(
        ["demo", "demo:dense"], tasks="vqav2,pope", data="demo", results=folder, limit=LIMIT
    )
    baseline = folder / "baseline.zip"
    pack(before.folder, baseline, text=False)

    gate = check(after, baseline, margins={"default": "1%"})
    for one in gate.tasks:
        print(f"{one.comparison.label}: {one.verdict}: {one.why}")
    print(gate.frame()[["first", "second", "difference", "low", "high", "p_holm"]].round(3))
    print("passed" if gate.passed else "FAILED")
    return 0 if gate.passed else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "results")))
