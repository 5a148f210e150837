import numpy as np
import pandas as pd
from coloc_toys import N, peak, qtl_rows, qtl_signal_rows, signal_rows
from scipy.special import logsumexp

from locus2target.core.schemas import QTL, QTL_SIGNAL_LBF, QTL_SIGNALS
from locus2target.statgen.abf import study_log_bayes_factors
from locus2target.statgen.coloc_traits import (
    arrange_signals,
    arrange_traits,
    signal_totals,
    sort_traits,
    trait_log_bayes_factors,
)

NOTHING = {"qtl_signals": QTL_SIGNALS.empty(), "qtl_signal_lbf": QTL_SIGNAL_LBF.empty()}


def mixed_rows() -> pd.DataFrame:
    rows = qtl_rows(3, gene="b", numbers=range(2, 12)) + qtl_rows(5, gene="a") + qtl_rows(7, tissue="s", gene="a")
    return QTL.frame(rows).sample(frac=1.0, random_state=1).reset_index(drop=True)


def test_rows_are_sorted_by_trait_and_none_is_lost() -> None:
    rows = mixed_rows()
    found = sort_traits(rows)
    assert found.traits.to_numpy().tolist() == [["s", "a", "pa"], ["t", "a", "pa"], ["t", "b", "pb"]]
    assert found.bounds.tolist() == [0, N, 2 * N, 2 * N + 10]
    assert sorted(found.statistics.index) == sorted(rows.index)
    for number, names in enumerate(found.traits.to_numpy().tolist()):
        members = found.statistics[found.trait == number]
        assert (members[["tissue", "gene_id", "phenotype_id"]] == names).to_numpy().all()


def test_the_first_row_of_a_repeated_variant_counts() -> None:
    rows = QTL.frame(qtl_rows(3))
    again = pd.concat([rows, rows.assign(beta=9.0)], ignore_index=True)
    pd.testing.assert_frame_equal(sort_traits(again).statistics, rows)


def test_pieces_hold_every_trait_once() -> None:
    rows = sort_traits(mixed_rows())
    pieces = list(rows.split(2))
    assert [len(piece.traits) for piece in pieces] == [2, 1]
    pd.testing.assert_frame_equal(pd.concat([piece.statistics for piece in pieces]), rows.statistics)
    assert [set(piece.trait.tolist()) for piece in pieces] == [{0, 1}, {0}]


def test_all_traits_at_once_have_the_factors_of_each_on_its_own() -> None:
    rows = sort_traits(mixed_rows())
    for sd_y in (None, 2.0):
        together = trait_log_bayes_factors(rows, sd_y=sd_y).values
        for start, end in zip(rows.bounds[:-1], rows.bounds[1:], strict=True):
            alone = study_log_bayes_factors(rows.statistics.iloc[start:end], trait_type="quantitative", sd_y=sd_y)
            np.testing.assert_array_equal(together[start:end], alone.values)


def test_single_effects_come_before_the_signals_of_their_trait() -> None:
    _, lbf = signal_rows({0: peak(3, range(15))})
    variants = lbf[["variant", "chromosome", "position", "ref", "alt"]]
    signals, signal_lbf = qtl_signal_rows({1: peak(5, range(4, N)), 2: peak(14)}, gene="a")
    rows = sort_traits(mixed_rows())
    found = arrange_traits(rows, variants, sd_y=1.0, qtl_signals=signals, qtl_signal_lbf=signal_lbf)
    names = found.signals[["tissue", "gene_id", "qtl_signal", "unparted"]].to_numpy().tolist()
    assert names == [
        ["s", "a", 0, "not_finemapped"],
        ["t", "a", 0, ""],
        ["t", "a", 1, ""],
        ["t", "a", 2, ""],
        ["t", "b", 0, "not_finemapped"],
    ]
    assert found.signals["n_variants"].tolist() == [N, N, N - 4, N, 10]
    assert (~np.isnan(found.log_bayes_factors)).sum(axis=1).tolist() == [15, 15, 11, 15, 10]
    expected = logsumexp(list(peak(5, range(4, N)).values()))  # the variants that the locus lacks count too
    assert found.signals["total"].iloc[2] == expected
    np.testing.assert_array_equal(found.log_bayes_factors[2], [np.nan] * 4 + [-1.0, 30.0] + [-1.0] * 9)
    np.testing.assert_array_equal(found.neg_log10_p[2, 4:], found.neg_log10_p[1, 4:])
    assert np.isnan(found.neg_log10_p[2, :4]).all()


def test_totals_of_the_disease_are_weighted() -> None:
    signals, lbf = signal_rows({0: {0: np.log(2.0), 1: np.log(3.0)}})
    plain, n_variants = signal_totals(arrange_signals(signals, lbf))
    assert n_variants.tolist() == [[2]]
    np.testing.assert_allclose(np.exp(plain), [[5.0]])
    weights = lbf.assign(prior_weight=[0.1, 0.3])
    weighted, _ = signal_totals(arrange_signals(signals, lbf, prior_weights=weights))
    np.testing.assert_allclose(np.exp(weighted), [[0.5 * 2 + 1.5 * 3]])
