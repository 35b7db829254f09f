"""The direction of knowledge: who may import whom, and what stays out of where."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import lvlm_eval

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "lvlm_eval"
OUTSIDE = ("tasks", "models", "commands", "demo")  # folders with rules of their own
ENGINE = sorted(
    file for file in PACKAGE.rglob("*.py") if file.relative_to(PACKAGE).parts[0] not in OUTSIDE
)
COMMANDS = [ROOT / "lvlm_eval" / "cli.py", *sorted((ROOT / "lvlm_eval/commands").glob("*.py"))]
PLUGINS = sorted([*(ROOT / "tasks").rglob("*.py"), *(ROOT / "models").rglob("*.py")])
HEAVY = ("torch", "transformers", "datasets", "pandas", "scipy")

# Each layer may import itself and those before it.
LAYERS = (
    {
        "abilities",
        "errors",
        "hub_cache",
        "placement",
        "schema",
        "tracing",
    },
    {
        "answers",
        "batching",
        "bundle",
        "captions",
        "certify",
        "conversation",
        "data",
        "data_hub",
        "data_row",
        "data_tsv",
        "declared",
        "devices",
        "durable",
        "facts",
        "families",
        "fetch",
        "images",
        "invariance",
        "judging",
        "metrics",
        "picture_cells",
        "portions",
        "predictions",
        "prompts",
        "provenance",
        "pulse",
        "questions",
        "routing",
        "server_figures",
        "sheet",
        "similarity",
        "stats",
        "store",
        "task_store",
        "team",
        "uploads",
        "weights_digest",
    },
    {
        "comparable",
        "comparison",
        "launcher",
        "model_spec",
        "plugins",
        "regression",
        "reporting",
        "run",
        "sequential",
        "tables",
        "trackers",
        "verdicts",
        "wire",
    },
    {
        "api",
        "evaluation",
        "replicas",
    },
    {
        "__init__",
        "__main__",
        "cli",
        "commands",
    },
)


def imports(file: Path) -> Iterator[tuple[str, int]]:
    """Absolute modules that a file imports anywhere in it; relative ones are dots and a name."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            if node.module == "lvlm_eval" and not node.level:
                yield from ((f"lvlm_eval.{alias.name}", node.lineno) for alias in node.names)
            else:
                yield module, node.lineno


def layer_of(module: str) -> int | None:
    """The layer of one of the engine's modules, by its first name under the package."""
    return next((i for i, layer in enumerate(LAYERS) if module in layer), None)


def test_the_links_to_tasks_and_models_are_there() -> None:
    for name in ("tasks", "models"):
        link = ROOT / "lvlm_eval" / name
        assert link.is_dir(), f"{link} must be a link to ../{name}: enable symlinks in git"
        assert link.resolve() == ROOT / name


@pytest.mark.parametrize("file", ENGINE, ids=lambda file: file.stem)
def test_every_engine_module_has_a_layer_and_imports_only_downwards(file: Path) -> None:
    own = layer_of(file.relative_to(PACKAGE).with_suffix("").parts[0])
    assert own is not None, f"give lvlm_eval/{file.name} a layer in LAYERS"
    for module, line in imports(file):
        if not module.startswith("lvlm_eval."):
            continue
        imported = module.split(".")[1]
        if imported in ("tasks", "models"):
            pytest.fail(f"{file.name}:{line} names a plugin: {module}")
        if imported == "demo":
            assert file.stem == "evaluation", f"{file.name}:{line}: only evaluation draws the demo"
            continue
        layer = layer_of(imported)
        assert layer is not None, f"{file.name}:{line}: {module} has no layer"
        assert layer <= own, f"{file.name}:{line} imports upwards: {module}"


def test_the_schema_imports_nothing_of_ours() -> None:
    own = ("lvlm_eval.schema", "lvlm_eval.schema.")
    for file in (*sorted((PACKAGE / "schema").glob("*.py")), PACKAGE / "errors.py"):
        named = [m for m, _ in imports(file) if m.startswith("lvlm_eval")]
        assert not [m for m in named if not m.startswith(own)], file.name


@pytest.mark.parametrize("file", PLUGINS, ids=lambda file: str(file.relative_to(ROOT)))
def test_plugins_import_the_engine_and_their_own_folder_only(file: Path) -> None:
    for module, line in imports(file):
        where = f"{file.relative_to(ROOT)}:{line}"
        plugin = module.startswith(("lvlm_eval.tasks", "lvlm_eval.models"))
        assert not plugin, f"{where}: inside a plugin imports are relative: {module}"
        assert module.split(".")[0] not in ("tasks", "models"), f"{where}: {module}"
        if module.startswith("."):
            dots = len(module) - len(module.lstrip("."))
            depth = len(file.relative_to(ROOT).parts) - 1  # folders above the file
            assert dots < depth, f"{where}: leaves the plugin's folder"


@pytest.mark.parametrize(
    "file",
    [*ENGINE, *COMMANDS, *(ROOT / "tasks").rglob("*.py"), *(ROOT / "lvlm_eval/demo").glob("*.py")],
    ids=lambda file: str(file.relative_to(ROOT)),
)
def test_only_models_and_what_joins_processes_import_torch(file: Path) -> None:
    if file in (PACKAGE / "launcher.py", PACKAGE / "wire.py"):
        return
    assert not [m for m, _ in imports(file) if m.split(".")[0] in ("torch", "transformers")]


def test_reports_know_no_task_and_no_model() -> None:
    forbidden = {"plugins", "model_spec", "evaluation", "run", "images", "data"}
    named = [PACKAGE / f"{name}.py" for name in ("tables", "comparable", "comparison")]
    drawn = [f for f in (PACKAGE / "reporting").rglob("*.py") if f.stem != "thumbnails"]
    for file in [*named, *drawn]:
        found = {m.split(".")[1] for m, _ in imports(file) if m.startswith("lvlm_eval.")}
        assert not found & forbidden, f"{file.name}: {found & forbidden}"


def test_the_public_names_are_all_there_and_listed() -> None:
    assert lvlm_eval.__all__ == sorted(lvlm_eval.__all__)
    for name in lvlm_eval.__all__:
        assert getattr(lvlm_eval, name) is not None


HELP = (
    (), ("run",), ("score",), ("report",), ("certify",), ("explain",), ("ls",), ("fetch",),
    ("chat",), ("convert",), ("record",), ("submit",), ("compare",), ("check",), ("export",),
    ("doctor",), ("doctor", "parity"), ("doctor", "batch"), ("doctor", "determinism"),
)  # fmt: skip


@pytest.mark.parametrize("command", HELP, ids=" ".join)
def test_help_imports_nothing_heavy(command: tuple[str, ...]) -> None:
    code = (
        "import sys\nfrom lvlm_eval.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as end: assert end.code in (0, None), end.code\n"
        f"loaded = [name for name in {HEAVY} if name in sys.modules]\n"
        "assert not loaded, loaded\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code, *command, "--help"],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout
