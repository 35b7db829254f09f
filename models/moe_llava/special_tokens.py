"""Which tokens a saved tokenizer calls its beginning, end, padding and unknown."""

from __future__ import annotations

from pathlib import Path

from .fields import Fields, read_json

ROLES = ("bos", "eos", "pad", "unk")


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
