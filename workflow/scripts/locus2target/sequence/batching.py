"""Batches that fit the device's memory."""

import logging
from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch

from locus2target.core.errors import InputError

_LOGGER = logging.getLogger(__name__)
_SHARE = 0.8  # of the free memory: the allocator cannot use the last fragments
ResultT = TypeVar("ResultT")
Rows = npt.NDArray[np.int64]


class Batches:
    """How many items a model can take at once.

    Parameters
    ----------
    limit
        Items of a batch at most.
    device
        Where the model is.
    label
        Model and window in words, for messages.
    """

    def __init__(self, limit: int, device: torch.device, label: str) -> None:
        if limit < 1:
            raise ValueError(f"batches of {limit} items")
        self.size = limit
        self._device, self._label = device, label
        self._measured = device.type != "cuda"

    def run(self, function: Callable[[Rows], ResultT], items: Rows) -> Iterator[tuple[Rows, ResultT]]:
        """Apply a function to items batch by batch, with results as they come.

        Batches are of like size. Where the memory runs out the batch is halved, for good, and the work goes on with
        the items that are left.

        Parameters
        ----------
        function
            Takes some items; must not keep anything when it fails.
        items
            int64 of shape (n,).

        Raises
        ------
        InputError
            If a single item does not fit.
        """
        left = items
        while len(left):
            batch = left[: even_size(len(left), self.size)]
            result = self._attempt(function, batch)
            if result is None:
                continue
            yield batch, result[0]
            left = left[len(batch) :]

    def measure(self, function: Callable[[], object]) -> None:
        """Fit the batch size to the free memory of the device: once, by what the work on one item takes."""
        if self._measured:
            return
        self._measured = True
        torch.cuda.reset_peak_memory_stats(self._device)
        before = torch.cuda.memory_allocated(self._device)
        if self._attempt(lambda _: function(), np.zeros(1, dtype=np.int64)) is None:
            return
        used = torch.cuda.max_memory_allocated(self._device) - before
        torch.cuda.empty_cache()
        free, _ = torch.cuda.mem_get_info(self._device)
        self.size = int(np.clip(_SHARE * free / max(used, 1), 1, self.size))
        _LOGGER.info("%s: %.3g GB per item, batches of %d", self._label, used / 1e9, self.size)

    def _attempt(self, function: Callable[[Rows], ResultT], batch: Rows) -> tuple[ResultT] | None:
        """Result in a tuple; None, and smaller batches from now on, if the memory did not suffice."""
        try:
            return (function(batch),)
        except torch.OutOfMemoryError as error:
            if len(batch) == 1:
                raise InputError(
                    f"one item does not fit the memory of {self._device}",
                    where=self._label,
                    remedy="Use a device with more memory, precision bfloat16, fewer tracks, or a shorter window.",
                ) from error
        self.size = len(batch) // 2
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        _LOGGER.warning("%s: out of memory on %s, going on with batches of %d", self._label, self._device, self.size)
        return None


def even_size(items: int, limit: int) -> int:
    """Size of batches of at most `limit` that are as even as can be.

    >>> even_size(10, 8), even_size(8, 8), even_size(17, 8)
    (5, 8, 6)
    """
    return -(-items // -(-items // limit))
