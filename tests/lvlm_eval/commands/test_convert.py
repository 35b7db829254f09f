"""`lvlm-eval convert`, as typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from lvlm_eval.cli import main

DENSE = Path(__file__).parents[2] / "data" / "golden" / "moe_llava" / "phi_dense"


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(["convert", *arguments])
    return int(end.value.code or 0)


def test_a_checkpoint_is_written_in_shards_and_its_folder_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "new" / "hf"
    options = ("--to", "transformers", "--dtype", "float16", "--max_shard_size", "0.1MB")
    assert run(str(DENSE), str(target), *options) == 0
    assert capsys.readouterr().out.strip() == str(target)
    shards = sorted(target.glob("model-*.safetensors"))
    assert len(shards) > 2
    assert all(shard.stat().st_size < 110_000 for shard in shards)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--to", "gguf"), "--to gguf: no such layout; there are original, transformers"),
        (("--to", "transformers", "--dtype", "int3"), "unknown dtype 'int3'; there are float32"),
        (("--to", "transformers", "--max-shard-size", "big"), "give a size such as 5GB"),
        (("--to", "original"), "is in the original layout already"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_2(
    options: tuple[str, ...], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(str(DENSE), str(tmp_path / "out"), *options) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
