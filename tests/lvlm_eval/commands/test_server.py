"""`lvlm-eval record`: what is kept, what is refused."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lvlm_eval.server_figures import read_server_figures

PLUGINS = Path(__file__).parents[2] / "data" / "plugins"
PLUGIN_OPTIONS = ("--plugin", str(PLUGINS / "tiny.py"), "--plugin", str(PLUGINS / "parrot.py"))
PAGE = "https://eval.ai/1"

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run_folder(call: Call, tiny: Path) -> Path:
    """A finished run of the task `tiny`, in the folder where commands are typed."""
    call("run", "parrot:polly", "--tasks", "tiny", "--data", str(tiny), *PLUGIN_OPTIONS)
    (folder,) = Path("results").glob("parrot-polly/*")
    return folder


def test_a_recorded_figure_stands_beside_the_summary_and_changes_nothing_in_it(
    call: Call, run_folder: Path
) -> None:
    before = (run_folder / "tiny" / "summary.json").read_bytes()
    code, out, _ = call(
        "record", str(run_folder), "tiny", "accuracy", "78.5", "--source", PAGE, *PLUGIN_OPTIONS
    )
    assert code == 0
    assert f"accuracy 78.5 of {PAGE}" in out
    assert read_server_figures(run_folder / "tiny")["accuracy"].value == 78.5
    assert (run_folder / "tiny" / "summary.json").read_bytes() == before


def test_json_says_what_was_kept(call: Call, run_folder: Path) -> None:
    arguments = ("tiny", "accuracy", "7", "--source", PAGE, "--json")
    _, out, _ = call("record", str(run_folder), *arguments, *PLUGIN_OPTIONS)
    figure = json.loads(out)["figure"]
    assert [figure[key] for key in ("metric", "value", "source")] == ["accuracy", 7.0, PAGE]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("tiny", "acuracy", "1", "--source", PAGE), "no metric 'acuracy'; there are accuracy"),
        (("gqa", "accuracy", "1", "--source", PAGE), "no answers to 'gqa'; it has: tiny"),
        (("tiny", "accuracy", "nan", "--source", PAGE), "VALUE must be a number, got nan"),
        (("tiny", "accuracy", "1", "--source", "a page"), "--source 'a page' must be the http"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(
    call: Call, run_folder: Path, arguments: tuple[str, ...], words: str
) -> None:
    code, _, err = call("record", str(run_folder), *arguments, *PLUGIN_OPTIONS)
    assert code == 2
    assert words in err
    assert len(err.splitlines()) == 1
    assert not (run_folder / "tiny" / "server.json").exists()
