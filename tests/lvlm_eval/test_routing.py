"""Counts of experts on disk: summed over starts and workers, read back, refused when damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lvlm_eval.errors import StoreError, UsageError
from lvlm_eval.routing import loads_of, read_loads, write_loads
from lvlm_eval.task_store import TaskStore

ONE, OTHER = {2: [1, 0, 5], 11: [3, 3]}, {2: [0, 2, 1], 11: [4, 0]}


def test_starts_and_workers_add_up_and_are_read_from_file_task_and_run(tmp_path: Path) -> None:
    store = TaskStore(tmp_path / "pope")
    store.folder.mkdir()
    assert store.routing() == {}
    store.add_routing(ONE)
    store.add_routing(ONE)
    assert read_loads(store.folder / "routing.npz") == {2: [2, 0, 10], 11: [6, 6]}
    store.add_routing(OTHER, "1")
    total = {2: [2, 2, 11], 11: [10, 6]}
    assert store.routing() == loads_of(store.folder) == loads_of(tmp_path) == total
    assert loads_of(store.folder / "routing.1.npz") == OTHER


def test_counts_of_another_network_are_not_added(tmp_path: Path) -> None:
    store = TaskStore(tmp_path)
    store.add_routing(ONE)
    with pytest.raises(StoreError, match=r"counts of different networks: .*2: 3, 11: 2"):
        store.add_routing({2: [1, 2]})


def test_what_is_missing_or_damaged_is_named_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file or folder"):
        loads_of(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="run it with the option routing_stats=true"):
        loads_of(tmp_path)
    file = tmp_path / "routing.npz"
    write_loads(file, ONE)
    torn = file.read_bytes()
    for content in (torn[: len(torn) // 2], b"", b"{}", b"PK\x03\x04"):
        file.write_bytes(content)
        with pytest.raises(StoreError, match=r"routing\.npz: not counts of experts"):
            read_loads(file)
    np.savez(file, **{"2": np.array(["a", None], dtype=object)})  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="not counts of experts"):
        read_loads(file)
    np.savez(file, **{"2": np.array([0.5, -1])})  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="layer 2 holds no counts"):
        read_loads(file)
    np.save(tmp_path / "plain.npy", np.array([1]))
    with pytest.raises(StoreError, match="not counts of experts"):
        read_loads(tmp_path / "plain.npy")
