"""Names of a table's rows."""

from __future__ import annotations

from collections.abc import Callable

from lvlm_eval.reporting.rows import name_rows
from lvlm_eval.schema import Summary
from lvlm_eval.store import RunStore

MakeRun = Callable[..., RunStore]


def test_namesakes_carry_the_settings_in_which_they_differ(
    make_run: MakeRun, pope: Summary
) -> None:
    common = {"dtype": "float32", "template": "0" * 64}
    plain = make_run(pope, settings=common)
    quantised = make_run(pope, settings=common | {"quant": "int8", "template": "1" * 64})
    sampled = make_run(pope, settings=common, overrides={"temperature": 0.5})
    blind = make_run(pope, mode="blind")
    names = dict(name_rows([quantised, blind, sampled, plain]))
    assert names == {
        "demo": plain,
        "demo quant=int8": quantised,
        "demo temperature=0.5": sampled,
        "demo (blind)": blind,
    }


def test_runs_that_no_setting_tells_apart_carry_a_run_id(make_run: MakeRun, pope: Summary) -> None:
    first, second = make_run(pope, weights="a"), make_run(pope, weights="b")
    names = dict(name_rows([second, first]))
    assert {f"demo {first.run_id[:6]}", f"demo {second.run_id[:6]}"} == set(names)
    assert names[f"demo {first.run_id[:6]}"].run.weights == "a"
