"""One progress bar with the time left over all that a command does.

Where stderr is no terminal there is a line a task instead.
"""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn

import typer

if TYPE_CHECKING:
    from tqdm import tqdm


class Bar:
    """A Progress callback: what is going on, how much is done, of how much."""

    def __init__(self) -> None:
        self._bar: tqdm[NoReturn] | None = None
        self._what = ""

    def __call__(self, what: str, done: int, total: int) -> None:
        if not sys.stderr.isatty():
            if what != self._what:
                typer.echo(f"{what}: {done}/{total}", err=True)
            self._what = what
            return
        bar = self._drawn(done, total)
        bar.set_description(what, refresh=False)
        bar.update(done - bar.n)

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close()

    def _drawn(self, done: int, total: int) -> tqdm[NoReturn]:
        from tqdm import tqdm

        if self._bar is None or total != self._bar.total:
            self._close()
            bar: tqdm[NoReturn] = tqdm(total=total, initial=done, unit="q", dynamic_ncols=True)
            self._bar = bar
        return self._bar

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
