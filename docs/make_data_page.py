"""Writes the table of all tasks into docs/data.md: python docs/make_data_page.py."""

from __future__ import annotations

import tempfile
from pathlib import Path

from huggingface_hub import constants

from lvlm_eval.commands.data_places import data_page

PAGE = Path(__file__).with_name("data.md")


def main() -> None:
    with tempfile.TemporaryDirectory() as empty:
        constants.HF_HUB_CACHE = empty  # what lies in this machine's cache is not meant
        PAGE.write_text(data_page(PAGE.read_text(encoding="utf-8"), Path(empty)), encoding="utf-8")


if __name__ == "__main__":
    main()
