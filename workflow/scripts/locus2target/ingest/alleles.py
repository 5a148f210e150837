"""Alleles of many rows as codes into one dictionary, so that letters are looked at once per distinct allele."""

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core.variants import reverse_complement

IntArray = npt.NDArray[np.int64]
_LETTERS = re.compile(r"[ACGT]+")


@dataclass(frozen=True, slots=True)
class AlleleDictionary:
    """Distinct alleles; arrays of shape (n_alleles,). Missing alleles have code -1 in the rows.

    Attributes
    ----------
    texts
        Upper-case alleles (object).
    valid
        Whether the allele is written with A, C, G, T only.
    lengths
        Bases.
    complements
        Code of the reverse complement; the allele's own code where it is not valid.
    bases
        ASCII code (uint8) of single-base alleles, 0 for others.
    """

    texts: npt.NDArray[np.object_]
    valid: npt.NDArray[np.bool_]
    lengths: IntArray
    complements: IntArray
    bases: npt.NDArray[np.uint8]


def encode_alleles(*columns: "pd.Series[str]") -> tuple[AlleleDictionary, list[IntArray]]:
    """Dictionary of all alleles and their reverse complements, and the codes of each column's rows."""
    parts = [pd.factorize(column.astype("str")) for column in columns]
    written = [np.asarray(uniques, dtype=object) for _, uniques in parts]
    spelled = [text.upper() for uniques in written for text in uniques]
    forward = list(dict.fromkeys(spelled))
    texts = list(dict.fromkeys(forward + [reverse_complement(text) for text in forward if _LETTERS.fullmatch(text)]))
    code_of = {text: code for code, text in enumerate(texts)}
    valid = np.array([_LETTERS.fullmatch(text) is not None for text in texts], dtype=bool)
    dictionary = AlleleDictionary(
        texts=np.array(texts, dtype=object),
        valid=valid,
        lengths=np.array([len(text) for text in texts], dtype=np.int64),
        complements=np.array(
            [code_of[reverse_complement(text)] if ok else code_of[text] for text, ok in zip(texts, valid, strict=True)],
            dtype=np.int64,
        ),
        bases=np.array(
            [ord(text) if ok and len(text) == 1 else 0 for text, ok in zip(texts, valid, strict=True)], np.uint8
        ),
    )
    rows = [_row_codes(codes, uniques, code_of) for (codes, _), uniques in zip(parts, written, strict=True)]
    return dictionary, rows


def _row_codes(codes: IntArray, uniques: npt.NDArray[np.object_], code_of: dict[str, int]) -> IntArray:
    lookup = np.array([*(code_of[text.upper()] for text in uniques), -1], dtype=np.int64)
    return lookup[codes]
