"""The page on adding a benchmark, followed to the letter."""

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

from lvlm_eval.declared.declaration import Declaration, Source

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/add_a_task.md").read_text(encoding="utf-8")
FILES = re.findall(r"File `([^`]+)`[^:]*:\n\n```\w+\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [
    line
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.strip().splitlines()
]


def test_the_page_can_be_followed(
    call: Callable[..., tuple[int, str, str]],
) -> None:
    for name, content in FILES:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(content)
    for folder in ("data", "data/shapes/images"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "docs/scene.jpg", folder)
    assert len(FILES) == 4
    assert len(COMMANDS) == 5
    said = {}
    for line in COMMANDS:
        program, command, *arguments = shlex.split(line)
        assert program == "lvlm-eval"
        code, out, err = call(command, *arguments)
        assert code == 0, f"{line}: {err}"
        said[command] = out
    assert "A. red" in said["explain"]
    assert "Right if the letter read is the target" in said["explain"]
    assert "50.0" in said["score"]


def test_every_key_that_the_page_names_is_known() -> None:
    known = {*Declaration.model_fields, *Source.model_fields}
    named = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    assert len(named) > 8
    assert set(named) <= known
