"""Figures of servers: kept by metric beside the answers, damaged files named."""

from pathlib import Path

import pytest

from lvlm_eval.errors import StoreError
from lvlm_eval.server_figures import FILE, ServerFigure, enter_server_figure, read_server_figures

OVERALL = ServerFigure("accuracy", 78.51, "https://eval.ai/1", "2026-01-02")
NUMBERS = ServerFigure("answer_type/number", 59.4, "https://eval.ai/1", "2026-01-02")


def test_a_task_without_the_file_has_no_figure(tmp_path: Path) -> None:
    assert read_server_figures(tmp_path) == {}


def test_figures_are_kept_by_metric_whatever_the_order(tmp_path: Path) -> None:
    assert enter_server_figure(tmp_path, NUMBERS) is None
    assert enter_server_figure(tmp_path, OVERALL) is None
    expected = {"accuracy": OVERALL, "answer_type/number": NUMBERS}
    assert read_server_figures(tmp_path) == expected


def test_a_second_figure_of_a_metric_takes_the_place_of_the_first_and_says_so(
    tmp_path: Path,
) -> None:
    enter_server_figure(tmp_path, OVERALL)
    later = ServerFigure("accuracy", 79, "https://eval.ai/2", "2026-02-03")
    assert enter_server_figure(tmp_path, later) == OVERALL
    assert read_server_figures(tmp_path) == {"accuracy": later}


@pytest.mark.parametrize(
    "text", ['{"figures": [{"metric": "a"}]}', '{"figures": 3}', "[]", '{"figures": [], "x": 1}']
)
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(StoreError, match=f"{FILE}.*damaged"):
        read_server_figures(tmp_path)
