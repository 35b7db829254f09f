"""How many bytes of tensors a piece of code makes, whoever allocates them and however."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import TracebackType

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Made(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts bytes of tensors on the CPU; to inherit is how torch wants such a mode made.

    total: of all that were made. most: of those that were there at one time.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.storages: dict[int, tuple[StorageWeakRef, int]] = {}
        self.total = self.most = 0

    def __torch_dispatch__(
        self,
        func: Callable[..., object],
        types: object,
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        out = func(*args, **(kwargs or {}))
        for one in tree_leaves(out):
            if isinstance(one, Tensor) and one.device.type == "cpu":
                self.count(one.untyped_storage())
        return out

    def count(self, storage: torch.UntypedStorage) -> None:
        gone = [key for key, (seen, _) in self.storages.items() if seen.expired()]  # type: ignore[no-untyped-call]
        for key in gone:
            del self.storages[key]
        if storage._cdata not in self.storages:
            self.total += storage.nbytes()
            seen = StorageWeakRef(storage)  # type: ignore[no-untyped-call]
            self.storages[storage._cdata] = seen, storage.nbytes()
        self.most = max(self.most, sum(size for _, size in self.storages.values()))


class InThisThread:
    """A pool whose work is seen by what watches the caller's thread."""

    def __init__(self, threads: int) -> None:
        pass

    def __enter__(self) -> InThisThread:
        return self

    def __exit__(self, *raised: type[BaseException] | BaseException | TracebackType | None) -> None:
        pass

    def map(self, function: Callable[[int], None], over: Iterable[int]) -> Iterable[None]:
        return map(function, over)
