"""How well scores tell two classes apart."""

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata


def auroc(scores: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Area under the receiver operating characteristic curve: share of pairs in the right order, ties half.

    >>> auroc([0.1, 0.4, 0.4, 0.8], [0, 0, 1, 1])
    0.875

    Parameters
    ----------
    scores, labels
        Of shape (N,); labels are true or false. NaN where a class has no members.
    """
    positive = np.asarray(labels, dtype=np.bool_)
    n, others = int(positive.sum()), int((~positive).sum())
    if not n or not others:
        return float("nan")
    ranks = rankdata(np.asarray(scores))[positive].sum()
    return float((ranks - n * (n + 1) / 2) / (n * others))


def average_precision(scores: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Area under the precision-recall curve: mean precision at each true label; equal scores count as one step.

    >>> average_precision([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    0.8333333333333333

    Parameters
    ----------
    scores, labels
        Of shape (N,); labels are true or false. NaN without a true label.
    """
    values, positive = np.asarray(scores), np.asarray(labels, dtype=np.bool_)
    if not positive.any():
        return float("nan")
    order = np.argsort(-values, kind="stable")
    hits = np.cumsum(positive[order])
    last = np.append(np.flatnonzero(np.diff(values[order])), len(order) - 1)  # of each run of equal scores
    precision = hits[last] / (last + 1)
    gained = np.diff(hits[last], prepend=0)
    return float((precision * gained).sum() / positive.sum())
