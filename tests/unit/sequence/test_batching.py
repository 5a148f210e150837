import numpy as np
import pytest
import torch

from locus2target.core.errors import InputError
from locus2target.sequence.batching import Batches, even_size

CPU = torch.device("cpu")


def fit_at_most(n, calls):
    def double(rows):
        calls.append(len(rows))
        if len(rows) > n:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return rows * 2

    return double


def test_batches_are_of_like_size_and_keep_the_order():
    calls = []
    batches = Batches(8, CPU, "model x")
    done = list(batches.run(fit_at_most(8, calls), np.arange(17)))
    assert calls == [6, 6, 5]
    assert np.array_equal(np.concatenate([rows for rows, _ in done]), np.arange(17))
    assert np.array_equal(np.concatenate([result for _, result in done]), 2 * np.arange(17))


def test_out_of_memory_halves_the_batch_for_good_and_goes_on():
    calls = []
    batches = Batches(16, CPU, "model x")
    done = list(batches.run(fit_at_most(3, calls), np.arange(16)))
    assert calls == [16, 8, 4, 2, 2, 2, 2, 2, 2, 2, 2]
    assert np.array_equal(np.concatenate([result for _, result in done]), 2 * np.arange(16))
    assert batches.size == 2


def test_a_single_item_that_does_not_fit_is_an_error_that_names_model_and_device():
    with pytest.raises(
        InputError, match=r"model borzoi, window of 524288 bases: one item does not fit the memory of cpu"
    ):
        list(Batches(4, CPU, "model borzoi, window of 524288 bases").run(fit_at_most(0, []), np.arange(4)))


def test_nothing_to_do():
    assert not list(Batches(4, CPU, "x").run(fit_at_most(4, []), np.arange(0)))


def test_limits_are_checked():
    with pytest.raises(ValueError, match="0 items"):
        Batches(0, CPU, "x")


def test_even_batches():
    for items in range(1, 40):
        for limit in range(1, 12):
            size = even_size(items, limit)
            assert size <= limit
            assert -(-items // size) == -(-items // limit)


@pytest.mark.parametrize(("per_item", "expected"), [(10, 16), (100, 8), (10_000, 1)])
def test_on_a_gpu_the_first_item_tells_how_many_fit(monkeypatch, per_item, expected):
    allocated = iter([500])
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda _device: None)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _device: next(allocated))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda _device: 500 + per_item)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (1000, 2000))
    batches = Batches(16, torch.device("cuda"), "x")
    calls = []
    for _ in range(3):  # measured once
        batches.measure(lambda: calls.append(1))
    assert batches.size == expected
    assert calls == [1]


def test_on_a_cpu_nothing_is_measured():
    batches = Batches(16, CPU, "x")
    batches.measure(lambda: pytest.fail("called"))
    assert batches.size == 16
