"""Addresses of the report's pages, as app/router.js writes and reads them."""

from urllib.parse import quote

_KEPT = "!~*'()"  # what encodeURIComponent leaves besides letters, digits, - _ and .


def locus_address(locus: str) -> str:
    """Address of a locus.

    >>> locus_address("study__1_10_20")
    '#locus/study__1_10_20'
    """
    return _address("locus", locus)


def gene_address(disease: str, gene_id: str) -> str:
    """Address of a gene of one disease.

    >>> gene_address("type 1/2 diabetes", "ENSG00000163599")
    '#gene/type%201%2F2%20diabetes/ENSG00000163599'
    """
    return _address("gene", disease, gene_id)


def _address(*parts: str) -> str:
    return "#" + "/".join(quote(part, safe=_KEPT) for part in parts)
