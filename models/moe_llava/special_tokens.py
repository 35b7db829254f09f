"""Which tokens a saved tokenizer calls its beginning, end, padding and unknown, and what was added.

Added tokens are found in a text before the tokenizer proper sees the rest of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .fields import Fields, read_json

ROLES = ("bos", "eos", "pad", "unk")


@dataclass(frozen=True, slots=True)
class AddedToken:
    """special: decoding can skip it. left, right: it takes the blanks there with it."""

    text: str
    id: int
    special: bool = False
    left: bool = False
    right: bool = False


def special_names(folder: Path, config: Fields) -> dict[str, str]:
    """ "bos", "eos", "pad" and "unk", where named, to their text.

    special_tokens_map.json wins over tokenizer_config.json.
    """
    file = folder / "special_tokens_map.json"
    sources = [config, read_json(file)] if file.is_file() else [config]
    names: dict[str, str] = {}
    for source in sources:
        for role in ROLES:
            value = source.values.get(f"{role}_token")
            if isinstance(value, str):
                names[role] = value
            elif isinstance(value, dict):
                names[role] = Fields(value, source.origin).text("content")
    return names


def added_tokens(folder: Path, config: Fields) -> list[AddedToken]:
    """The added tokens in the order of their ids.

    tokenizer_config.json describes them (added_tokens_decoder); before transformers 4.34
    added_tokens.json listed text and id alone.
    """
    described = config.fields("added_tokens_decoder")
    if described is not None:
        entries = [(int(key), described.fields(key)) for key in described.values]
        return [_described(number, entry) for number, entry in sorted(entries, key=_id) if entry]
    file = folder / "added_tokens.json"
    listed = read_json(file) if file.is_file() else Fields({}, str(file))
    ids = {text: listed.integer(text) for text in listed.values}
    return [AddedToken(text, ids[text]) for text in sorted(ids, key=ids.__getitem__)]


def _id(entry: tuple[int, Fields | None]) -> int:
    return entry[0]


def _described(number: int, entry: Fields) -> AddedToken:
    return AddedToken(
        entry.text("content"),
        number,
        entry.flag("special"),
        entry.flag("lstrip"),
        entry.flag("rstrip"),
    )
