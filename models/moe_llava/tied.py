"""The head of a model with tied embeddings: not a parameter of its own, whatever a file holds."""

from __future__ import annotations

from collections.abc import Mapping

from lvlm_eval.errors import CheckpointError

from .reading import read_tensor
from .stored import Stored

EMBEDDING, HEAD = "decoder.embedding.weight", "decoder.head.weight"
_ROWS = 4096  # compared at once


def without_tied_head(named: Mapping[str, Stored], vocabulary: int) -> dict[str, Stored]:
    """What is stored for a network that has no head of its own; a head alone is the embedding.

    CheckpointError where both are stored and differ within the vocabulary.
    """
    kept = {name: stored for name, stored in named.items() if name != HEAD}
    if HEAD in named and kept.setdefault(EMBEDDING, named[HEAD]) is not named[HEAD]:
        _check_same(kept[EMBEDDING], named[HEAD], vocabulary)
    return kept


def _check_same(embedding: Stored, head: Stored, vocabulary: int) -> None:
    if (embedding.file, embedding.offset) == (head.file, head.offset):
        return
    same = embedding.shape == head.shape
    for start in range(0, vocabulary if same else 0, _ROWS):
        stop = min(start + _ROWS, vocabulary, head.shape[0])
        ours, theirs = (read_tensor(one.rows(start, stop)) for one in (embedding, head))
        same = same and bool((ours == theirs).all())
    if not same:
        raise CheckpointError(
            f"{head.file}: {head.key!r} differs from {embedding.key!r}, but config.json ties "
            "them; if the head was trained by itself, set tie_word_embeddings to false there"
        )
