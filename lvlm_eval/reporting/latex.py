"""Tables as LaTeX: one document that compiles, each of its tables ready to be copied.

Needs booktabs; where a name or note is Chinese, CJKutf8 and its font gbsn besides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from lvlm_eval.schema import Table
from lvlm_eval.tables import Parts, Sheet

COLUMNS_A_TABLE = 7  # with the interval below the figure, what fits across A4
_SPECIAL: Mapping[str, str] = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}",
    "≈": r"$\approx$", "–": "--", "—": "---", "·": r"$\cdot$", "…": r"\ldots{}", "±": r"$\pm$",
    "×": r"$\times$", "²": r"$^2$", "→": r"$\rightarrow$", "≤": r"$\leq$", "≥": r"$\geq$",
    "‘": "`", "’": "'", "“": "``", "”": "''", "[": "{[}", "]": "{]}",
}  # fmt: skip
# What T1 and inputenc know: Latin letters with their marks.
_LATIN = re.compile(r"[ -~À-ÖØ-öø-ÿĀ-ſ]")


def latex(tables: Sequence[Table]) -> str:
    """The tables as one document; columns too many for a page go on in a further table."""
    bodies = [body for table in tables for body in _tabulars(table)]
    text = "\n".join(bodies)
    head = [
        r"\documentclass{article}",
        r"\usepackage[T1]{fontenc}",
        r"\usepackage[utf8]{inputenc}",
        r"\usepackage[a4paper,margin=12mm]{geometry}",
        r"\usepackage{booktabs}",
    ]
    begin, end = [r"\begin{document}"], [r"\end{document}"]
    if any(map(_is_chinese, text)):
        head.append(r"\usepackage{CJKutf8}")
        begin.append(r"\begin{CJK*}{UTF8}{gbsn}")
        end.insert(0, r"\end{CJK*}")
    return "\n".join([*head, "", *begin, "", text, *end]) + "\n"


def escape(text: str) -> str:
    """The text as LaTeX prints it; a character that no font here has, as its code point."""
    return "".join(map(_escaped, " ".join(text.split())))


def _escaped(character: str) -> str:
    if character in _SPECIAL:
        return _SPECIAL[character]
    if _LATIN.match(character) or _is_chinese(character):
        return character
    return f"{{[}}U+{ord(character):04X}{{]}}"


def _is_chinese(character: str) -> bool:
    """Whether CJKutf8's font gbsn has the character: it holds GB 2312, kana among it."""
    if character < "\u3000":
        return False
    try:
        character.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


def _tabulars(table: Table) -> Iterator[str]:
    sheet = Sheet.of(table)
    columns = list(table.columns)
    blocks = [columns[i : i + COLUMNS_A_TABLE] for i in range(0, len(columns), COLUMNS_A_TABLE)]
    for number, block in enumerate(blocks):
        more = "" if number == 0 else " (continued)"
        last = number == len(blocks) - 1
        yield _tabular(sheet, block, table.title + more, sheet.footnotes if last else [])


def _tabular(sheet: Sheet, columns: Sequence[str], title: str, notes: Sequence[str]) -> str:
    kinds = "".join("l" if sheet.is_text(column) else "r" for column in columns)
    heads = [
        _stack(map(escape, sheet.heading(column)), kind)
        for column, kind in zip(columns, kinds, strict=True)
    ]
    rows = [
        _row([escape(row), *(_cell(sheet.parts(row, column)) for column in columns)])
        for row in sheet.table.rows
    ]
    return "\n".join(
        [
            r"\begin{table}[htbp]",
            r"\centering\footnotesize\setlength{\tabcolsep}{4pt}",
            rf"\caption{{{escape(title)}}}",
            rf"\begin{{tabular}}{{l{kinds}}}",
            r"\toprule",
            _row([escape(sheet.table.corner), *heads]),
            r"\midrule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}",
            *([r"\par\smallskip\raggedright\scriptsize"] if notes else []),
            *(rf"{_note(note)}\\" for note in notes),
            r"\end{table}",
            "",
        ]
    )


def _cell(parts: Parts) -> str:
    """The figure, bold where it is best, with its marks; its interval below it."""
    value = escape(parts.value)
    value = rf"\textbf{{{value}}}" if parts.rank == "best" else value
    level = r"$^{\approx}$" if parts.rank == "level" else ""
    note = f"$^{{{parts.note.removeprefix('^')}}}$" if parts.note else ""
    source = f" {escape(parts.source)}" if parts.source else ""
    figure = f"{value}{source}{level}{note}"
    return _stack([figure, rf"\tiny {escape(parts.interval)}"]) if parts.interval else figure


def _note(note: str) -> str:
    """A footnote with its number raised; other notes as they are."""
    number = re.match(r"\^(\d+) ", note)
    return f"$^{{{number[1]}}}$ {escape(note[number.end() :])}" if number else escape(note)


def _stack(lines: Iterable[str], kind: str = "r") -> str:
    """Lines below each other in one cell; kind: l or r, where they align."""
    kept = list(lines)
    if len(kept) == 1:
        return kept[0]
    joined = r"\\".join(kept)
    return rf"\begin{{tabular}}[t]{{@{{}}{kind}@{{}}}}{joined}\end{{tabular}}"


def _row(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"
