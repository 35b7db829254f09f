"""LaTeX: what it looks like, what it escapes, and that it compiles."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from lvlm_eval.reporting.latex import COLUMNS_A_TABLE, escape, latex
from lvlm_eval.schema import Cell, Table

CELLS = {
    ("demo", "pope"): Cell(85.12, 80.25, 90.34, rank="best"),
    ("demo", "mme"): Cell(612.3, note="partial: 40 of 80 questions & more"),
    ("模型_1", "pope"): Cell(84.0, 79.0, 89.0, rank="level"),
    ("模型_1", "mme"): Cell(600.0, source="server"),
}
TABLE = Table("Leaderboard", ("demo", "模型_1"), ("pope", "mme"), CELLS, ("a last note",))


BODY = r"""model & pope & mme \\
\midrule
demo & \begin{tabular}[t]{@{}r@{}}\textbf{85.1}\\\tiny {[}80.2, 90.3{]}\end{tabular} & 612.3$^{1}$ \\
模型\_1 & \begin{tabular}[t]{@{}r@{}}84.0$^{\approx}$\\\tiny {[}79.0, 89.0{]}\end{tabular} & 600.0 (server) \\
\bottomrule
"""  # noqa: E501


def test_a_table_is_set_with_booktabs() -> None:
    assert latex([TABLE]).split("\\toprule\n")[1].split("\\end{tabular}\n")[0] == BODY


def test_notes_stand_below_with_their_numbers() -> None:
    text = latex([TABLE])
    assert r"$^{1}$ partial: 40 of 80 questions \& more\\" in text
    assert r"a last note\\" in text


def test_chinese_names_bring_their_package_and_others_do_not() -> None:
    assert r"\begin{CJK*}{UTF8}{gbsn}" in latex([TABLE])
    plain = Table("T", ("a",), ("b",), {("a", "b"): Cell(1.0)})
    assert "CJK" not in latex([plain])


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("50% of a_b & #1", r"50\% of a\_b \& \#1"),
        (r"\input{x}", r"\textbackslash{}input\{x\}"),
        ("a^b~c", r"a\textasciicircum{}b\textasciitilde{}c"),
        ("né 中文", "né 中文"),
        ("😀", "{[}U+1F600{]}"),
        ("한", "{[}U+D55C{]}"),
        ("two\nlines", "two lines"),
    ],
)
def test_names_and_notes_cannot_be_commands(text: str, escaped: str) -> None:
    assert escape(text) == escaped


def test_many_columns_go_on_in_further_tables() -> None:
    columns = tuple(f"task{n}" for n in range(60))
    table = Table("Wide", ("m",), columns, {("m", c): Cell(50.0, 49.0, 51.0) for c in columns})
    text = latex([table])
    assert text.count(r"\begin{table}") == -(-60 // COLUMNS_A_TABLE)
    assert text.count("(continued)") == text.count(r"\begin{table}") - 1


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on PATH")
def test_the_document_compiles(tmp_path: Path) -> None:
    wanted = ["kpsewhich", "CJKutf8.sty", "c70gbsn.fd", "gbsnu4e.tfm"]
    found = subprocess.run(wanted, capture_output=True, check=False)
    names = ("demo", r"\evil{} $x$ % & # _ ^ ~ < > | \" 😀 ≈ – · × “q” né", "模型_1")
    rows = names if found.returncode == 0 else names[:2]
    columns = tuple(f"task_{n}" for n in range(9))
    cells = {(r, c): Cell(50.0, 49.0, 51.0, rank="best", note=r) for r in rows for c in columns}
    (tmp_path / "t.tex").write_text(latex([Table("Wide & high", rows, columns, cells)]))
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "t.tex"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]
    assert (tmp_path / "t.pdf").stat().st_size > 1000
