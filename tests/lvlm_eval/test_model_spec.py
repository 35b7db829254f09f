"""From a MODEL as people write it to an opened model."""

import json
from pathlib import Path

import pytest

from lvlm_eval.errors import CheckpointError, UsageError
from lvlm_eval.model_spec import load_model, option_names, parse_model
from lvlm_eval.placement import Place, Placement, Rank

FILES = (Path(__file__).parents[1] / "data" / "plugins" / "parrot.py",)


def checkpoint(folder: Path, model_type: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
    return folder


def test_an_adapter_with_location_and_options_is_taken_apart() -> None:
    spec = parse_model("moe_llava:org/MoE-LLaVA-Phi2,dtype=float32,batch=4")
    assert (spec.adapter, spec.location) == ("moe_llava", "org/MoE-LLaVA-Phi2")
    assert spec.options == {"dtype": "float32", "batch": "4"}
    assert spec.name == "moe_llava:org/MoE-LLaVA-Phi2"


def test_the_bundled_models_have_short_names() -> None:
    assert [parse_model(name).name for name in ("demo", "demo:dense")] == ["demo", "demo:dense"]


@pytest.mark.parametrize(
    ("folder", "name"),
    [("my-moe", "my-moe"), ("run7/checkpoint-5000", "run7-checkpoint-5000")],
)
def test_a_folder_is_known_by_its_config_and_named_by_its_path(
    tmp_path: Path, folder: str, name: str
) -> None:
    spec = parse_model(str(checkpoint(tmp_path / folder, "moe_llava_phi")))
    assert (spec.adapter, spec.name) == ("moe_llava", name)


def test_a_folder_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no adapter for model_type 'bert'"):
        parse_model(str(checkpoint(tmp_path / "llava-moe", "bert")))
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match=r"has no config\.json"):
        parse_model(str(tmp_path / "empty"))


def test_a_hub_name_is_looked_up_in_the_cache_and_else_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    repository = tmp_path / "models--someone--phi"
    checkpoint(repository / "snapshots" / "aa11", "moe_llava_phi")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("aa11")
    spec = parse_model("someone/phi,dtype=float32")
    assert (spec.adapter, spec.location, spec.name) == ("moe_llava", "someone/phi", "phi")
    assert spec.options == {"dtype": "float32"}
    with pytest.raises(CheckpointError, match=r": lvlm-eval fetch someone/qwen$"):
        parse_model("someone/qwen")


def test_a_yaml_file_says_the_same(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("adapter: moe_llava\nlocation: /w\noptions: {dtype: float32, batch: 8}\n")
    spec = parse_model(f"{file},batch=9")
    assert (spec.adapter, spec.location, spec.name) == ("moe_llava", "/w", "mine")
    assert spec.options == {"dtype": "float32", "batch": "9"}
    file.write_text("adapter: [")
    with pytest.raises(UsageError, match="not YAML"):
        parse_model(str(file))


def test_options_become_the_types_of_the_adapters_defaults() -> None:
    spec = parse_model("parrot:polly,seconds=0.5,die_after=3", FILES)
    model = load_model(spec, {}, FILES)
    assert model.seconds == 0.5  # type: ignore[attr-defined]
    assert model.die_after == 3  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match="die_after must be int, got 'x'"):
        load_model(parse_model("parrot:polly,die_after=x", FILES), {}, FILES)


def test_an_option_of_the_command_that_no_adapter_can_obey_is_refused() -> None:
    with pytest.raises(UsageError, match="baseline has no dtype"):
        load_model(parse_model("baseline:majority"), {"dtype": "bfloat16"})
    with pytest.raises(UsageError, match="is not key=value"):
        parse_model("baseline:majority,seed")


@pytest.mark.parametrize(("word", "meant"), [("on", True), ("TRUE", True), ("off", False)])
def test_switches_are_on_or_off_true_or_false(word: str, meant: bool) -> None:
    model = load_model(parse_model(f"demo,device=cpu,deterministic={word}"), {})
    assert ("deterministic" in model.describe()) is meant


def test_a_switch_that_is_neither_is_refused() -> None:
    with pytest.raises(UsageError, match="deterministic must be bool, got 'maybe'"):
        load_model(parse_model("demo,device=cpu,deterministic=maybe"), {})


def test_only_an_adapter_with_parallel_is_shared_out_and_nobody_types_it(tmp_path: Path) -> None:
    adapter = tmp_path / "choir.py"
    adapter.write_text("def load(location, *, voices=1, parallel=None):\n    return parallel\n")
    place = Place(Placement(tp=2), Rank("torchrun", 1, 2, 1, 0, "localhost", 29_500))
    spec, alone = (parse_model(text, (adapter, *FILES)) for text in ("choir:c", "parrot:polly"))
    assert load_model(spec, {}, (adapter,), place) is place  # type: ignore[comparison-overlap]
    assert load_model(spec, {}, (adapter,)) is None
    with pytest.raises(UsageError, match=r"parrot cannot share .* tp=2 .*--parallel dp=2"):
        load_model(alone, {}, FILES, place)
    with pytest.raises(UsageError, match="no option 'parallel'; it takes voices=1"):
        load_model(parse_model("choir:c,parallel=x", (adapter,)), {}, (adapter,))
    assert option_names(spec, (adapter,)) == ["voices"]


def test_an_option_may_be_called_by_a_keyword_of_python(tmp_path: Path) -> None:
    adapter = tmp_path / "choir.py"
    adapter.write_text("def load(location, *, from_=''):\n    return from_\n")
    spec = parse_model("choir:c,from=afar", (adapter,))
    assert load_model(spec, {}, (adapter,)) == "afar"  # type: ignore[comparison-overlap]
    assert option_names(spec, (adapter,)) == ["from"]
    with pytest.raises(UsageError, match="no option 'from_'; it takes from="):
        load_model(parse_model("choir:c,from_=afar", (adapter,)), {}, (adapter,))
