import numpy as np
import pytest

from locus2target.ingest.dispositions import Disposition, Ledger


@pytest.mark.parametrize("disposition", Disposition)
def test_every_disposition_has_a_sentence(disposition: Disposition) -> None:
    assert disposition.sentence.endswith(".")
    assert disposition.kept == disposition.value.startswith("kept")


def test_first_disposition_of_a_row_stays() -> None:
    ledger = Ledger(4)
    ledger.settle(np.array([True, True, False, False]), Disposition.INVALID_ALLELE)
    ledger.settle(np.array([1, 2]), Disposition.INVALID_P)
    assert ledger.open_rows().tolist() == [3]
    ledger.settle(ledger.open_rows(), Disposition.KEPT)
    assert ledger.words().tolist() == ["invalid_allele", "invalid_allele", "invalid_p", "kept"]
    assert ledger.kept().tolist() == [False, False, False, True]
    assert ledger.counts() == {Disposition.KEPT: 1, Disposition.INVALID_ALLELE: 2, Disposition.INVALID_P: 1}


def test_kept_row_can_be_withdrawn() -> None:
    ledger = Ledger(2)
    ledger.settle(np.array([0, 1]), Disposition.KEPT)
    ledger.withdraw(np.array([1]), Disposition.DUPLICATE_IDENTICAL)
    assert ledger.words().tolist() == ["kept", "duplicate_identical"]


def test_a_row_without_disposition_is_a_defect() -> None:
    ledger = Ledger(2)
    ledger.settle(np.array([0]), Disposition.KEPT)
    with pytest.raises(RuntimeError, match="1 rows have no disposition"):
        ledger.kept()
