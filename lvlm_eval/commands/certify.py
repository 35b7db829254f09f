"""`lvlm-eval certify`: our scorers against recorded figures of the official ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import typer

from lvlm_eval.certify import certify_folder, failures, not_implemented, read_vectors
from lvlm_eval.commands.output import show, show_json
from lvlm_eval.errors import DataError, UsageError
from lvlm_eval.plugins import load_task, task_names
from lvlm_eval.schema import JSON, Cell, Table

SHOWN_DIFFERENCES = 3


def certify(
    folder: Path, only: str | None, files: Sequence[Path], *, strict: bool, as_json: bool
) -> None:
    """Compare every folder of vectors; exit 1 if a certificate fails."""
    reports: dict[str, JSON] = {}
    failed: list[str] = []
    for found, name in _folders(folder, only):
        if name not in task_names(files):
            reports[name] = not_implemented(read_vectors(found))
            failed.append(f"{name}: no such task here")
            continue
        task = load_task(name, files)
        report = certify_folder(found, task)
        reports[name] = report
        failed += [f"{name}: {v}" for v in failures(report, task.primary, strict=strict)]
    if as_json:
        show_json(reports)
    else:
        _show(reports, failed)
    if failed:
        raise typer.Exit(1)


def _folders(folder: Path, only: str | None) -> list[tuple[Path, str]]:
    """The folders of vectors with their tasks; those named by `only` must all be there."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; give one that holds expected.json, or a parent")
    parents = [folder] if (folder / "expected.json").exists() else sorted(folder.iterdir())
    found = [(f, read_vectors(f).task) for f in parents if (f / "expected.json").exists()]
    if not found:
        raise DataError(f"{folder}: neither it nor a folder in it holds an expected.json")
    if only is None:
        return found
    wanted = [name.strip() for name in only.split(",") if name.strip()]
    there = {name for _, name in found}
    absent = [name for name in wanted if name not in there]
    if absent:
        raise UsageError(f"--task {', '.join(absent)}: no vectors under {folder}")
    return [(path, name) for path, name in found if name in wanted]


def _show(reports: Mapping[str, JSON], failed: Sequence[str]) -> None:
    cells: dict[tuple[str, str], Cell] = {}
    rows = []
    for row, result in _variants(reports):
        rows.append(row)
        cells[row, "status"] = Cell(None, text=str(result["status"]))
        cells |= {(row, kind): Cell(None, text=_count(result[kind])) for kind in KINDS}
    show(Table("Certificates", tuple(rows), ("status", *KINDS), cells, corner="task variant"))
    for row, result in _variants(reports):
        differences = result["first_differences"]
        assert isinstance(differences, Sequence)
        for difference in differences[:SHOWN_DIFFERENCES]:
            assert isinstance(difference, Mapping)
            place, expected, got = (difference[key] for key in ("path", "expected", "got"))
            typer.echo(f"{row}: {place}: expected {expected!r}, got {got!r}")
    typer.echo("all agree" if not failed else "failed: " + "; ".join(failed))


KINDS = ("metrics", "items")


def _variants(reports: Mapping[str, JSON]) -> Iterator[tuple[str, Mapping[str, JSON]]]:
    for task, variants in reports.items():
        assert isinstance(variants, Mapping)
        for name, result in variants.items():
            assert isinstance(result, Mapping)
            yield f"{task} {name}", result


def _count(value: JSON) -> str:
    assert isinstance(value, Mapping)
    return f"{value['agree']} of {value['total']}"
