"""Where the bundled data lies once it is drawn: a folder of the cache, made when first wanted."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from lvlm_eval.demo.write import write_demo


def demo_root(cache: Path) -> Path:
    """The data root of the bundled data; drawn anew whenever the code that draws it changed.

    Drawing takes seconds and gives the same bytes everywhere, so nothing is shipped.
    """
    root = cache / f"demo-{_digest_of_code()}"
    if root.is_dir():
        return root
    cache.mkdir(parents=True, exist_ok=True)
    drawn = Path(tempfile.mkdtemp(prefix="demo-", dir=cache))
    try:
        write_demo(drawn)
        os.rename(drawn, root)  # noqa: PTH104  # one step, and an error if another was faster
    except OSError:
        if not root.is_dir():
            raise
    finally:
        shutil.rmtree(drawn, ignore_errors=True)
    return root


def _digest_of_code() -> str:
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
