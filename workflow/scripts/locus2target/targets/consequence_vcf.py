"""Coding consequences from a VCF or BCF that VEP (INFO/CSQ), SnpEff (INFO/ANN) or bcftools csq (INFO/BCSQ) annotated.

The three fields hold entries separated by commas, whose parts are separated by `|` in the order that the header gives
(VEP: "Data formats", VCF output; "Variant annotations in VCF format" 1.0, January 2015; bcftools csq "How-to").
"""

import logging
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from cyvcf2 import VCF

from locus2target.core.chromosomes import canonical_chromosome
from locus2target.core.errors import InputError
from locus2target.core.variants import Variant, normalize_variant
from locus2target.ingest.annotation import stable_gene_ids
from locus2target.ingest.files import BROKEN_GZIP, require_file
from locus2target.ingest.vcf_text import readable_records, refuse_broken_lines
from locus2target.targets.consequence_terms import worst_severity

_LOG = logging.getLogger(__name__)
VCF_ENDINGS = (".vcf", ".vcf.gz", ".vcf.bgz", ".bcf")
CONSEQUENCE_COLUMNS = ("chromosome", "position", "ref", "alt", "gene_id", "consequence")
_TAGS = ("CSQ", "ANN", "BCSQ")  # in this order where a file has several
_ORDER_OF_PARTS = re.compile(r"(?:Format:|Functional annotations:)\s*'?(?P<names>[^'\"]*\|[^'\"]*)")
_NAMES: Mapping[str, tuple[str, ...]] = {  # what the programs call the parts that are read here
    "consequence": ("Consequence", "Annotation"),
    "gene": ("Gene", "Gene_ID", "gene"),
    "symbol": ("SYMBOL", "Gene_Name"),
    "allele": ("Allele",),
    "allele_number": ("ALLELE_NUM",),
    "changes": ("dna_change",),
}
_BEHIND_STOP = "*"  # bcftools csq: the haplotype has a stop before this change, which thus does nothing
_POINTER = "@"  # bcftools csq: the consequence stands at another position of the haplotype
_BCFTOOLS_TERMS: Mapping[str, str] = {  # bcftools csq shortens the terms of the Sequence Ontology
    **{f"{prime}_prime_utr": f"{prime}_prime_UTR_variant" for prime in (5, 3)},
    **{
        term: f"{term}_variant"
        for term in (
            *("synonymous", "missense", "frameshift", "splice_acceptor", "splice_donor", "splice_region"),
            *("stop_retained", "start_retained", "non_coding", "intron", "intergenic", "coding_sequence"),
        )
    },
    "inframe_altering": "protein_altering_variant",
}
_BASES = re.compile(r"[ACGTN]+")

Row = tuple[str, int, str, str, str, str]
"""One row of the result, in the order of CONSEQUENCE_COLUMNS."""


@dataclass(frozen=True, slots=True)
class _Site:
    """One record: alleles in upper case, and the entries of its annotation, each split into parts."""

    chromosome: str
    position: int
    ref: str
    alts: Sequence[str]
    entries: list[dict[str, str]]
    pointers: list[int]

    def rows(self, alleles: Sequence[int], entry: Mapping[str, str]) -> Iterator[Row]:
        """Rows of one entry for some of the alternative alleles; alleles without sequence have no key.

        Alleles are trimmed of what REF and ALT share, which a site with several ALT may carry along.
        """
        for index in alleles:
            alt = self.alts[index]
            if _BASES.fullmatch(self.ref) and _BASES.fullmatch(alt) and alt != self.ref:
                variant = Variant(self.chromosome, self.position, self.ref, alt)
                trimmed = normalize_variant(variant, lambda start, end: "N" * (end - start))  # N: no shift
                place = (trimmed.chromosome, trimmed.position, trimmed.ref, trimmed.alt)
                yield *place, entry["gene"], entry["consequence"]


def read_consequence_vcf(path: str | Path) -> pd.DataFrame:
    """Read the consequences for proteins and splicing from an annotated VCF or BCF.

    Every entry is given to the ALT it names: VEP drops the first base of all alleles where one differs in length and
    all start alike; bcftools csq names the change, or (near splice sites) none, which then counts for every ALT of the
    site. bcftools csq writes the consequence of several variants of one haplotype at one of them; the others point
    there, and get it too. What it marks as behind a stop (`*`) is left out. Indels must be left-aligned, as the run's
    variants are (`bcftools norm`).

    Parameters
    ----------
    path
        `.vcf`, `.vcf.gz`, `.vcf.bgz` or `.bcf`; an index is not needed.

    Returns
    -------
    Columns chromosome, position (1-based), ref, alt, gene_id (Ensembl id without version, else a symbol) and
    consequence (terms of the Sequence Ontology, joined by `&`), each row once. Consequences without a severity in
    `consequence_terms` are left out: a genome's worth of intron variants would fill the memory.

    Raises
    ------
    InputError
        If the file cannot be read, has none of the fields, or its header does not give the order of their parts.
    """
    require_file(path, where="annotations.coding_consequences")
    try:
        refuse_broken_lines(path)
    except BROKEN_GZIP as error:
        raise InputError(
            f"the compressed data break off ({error})", where=str(path), remedy="Copy or make the file again."
        ) from error
    with closing(_open(path)) as vcf:
        tag, order = _layout(vcf, path)
        sites = _sites(vcf, tag, order, path)
        rows = _bcftools_rows(sites) if tag == "BCSQ" else _allele_rows(sites)
        try:
            distinct = list(dict.fromkeys(row for row in rows if worst_severity(row[-1]) is not None))
        except UnicodeDecodeError as error:
            raise InputError(
                f"there is something else than text ({error.reason})", where=str(path), remedy="Make the file anew."
            ) from error
    _LOG.info("%s: %d consequences for proteins and splicing in INFO/%s", path, len(distinct), tag)
    table = pd.DataFrame(distinct, columns=list(CONSEQUENCE_COLUMNS))
    texts = dict.fromkeys(set(CONSEQUENCE_COLUMNS) - {"position"}, "str")
    table = table.astype({**texts, "position": "int64"})
    return table.assign(gene_id=stable_gene_ids(table["gene_id"]))


def _open(path: str | Path) -> Any:
    try:
        return VCF(str(path))
    except Exception as error:  # cyvcf2 raises bare Exception for headers that htslib cannot parse
        raise InputError(
            f"cannot be read as VCF or BCF ({error})",
            where=str(path),
            remedy="Give a VCF or BCF, or name a table of consequences with the ending .tsv.",
        ) from error


def _layout(vcf: Any, path: str | Path) -> tuple[str, dict[str, int]]:
    """The annotation's INFO field, and the place of each part that is read."""
    described = {tag: _description(vcf, tag) for tag in _TAGS}
    found = [(tag, text) for tag, text in described.items() if text is not None]
    if not found:
        raise InputError(
            f"the header has no INFO field {', '.join(_TAGS)}",
            where=str(path),
            remedy="Annotate the file with VEP (--vcf), SnpEff or bcftools csq.",
        )
    tag, text = found[0]
    if len(found) > 1:
        _LOG.warning("%s: INFO/%s is read, INFO/%s not", path, tag, ", INFO/".join(other for other, _ in found[1:]))
    match = _ORDER_OF_PARTS.search(text)
    names = [name.strip() for name in match["names"].split("|")] if match else []
    order = {part: names.index(name) for part, options in _NAMES.items() for name in options if name in names}
    needed = {"consequence", "gene", "changes" if tag == "BCSQ" else "allele"}
    if needed - order.keys():
        absent = " or ".join(_NAMES[min(needed - order.keys())])
        raise InputError(
            f"the header's description of INFO/{tag} does not say which part is {absent}: {text}",
            where=str(path),
            remedy="Keep the description that the annotation program writes: `Format: Allele|Consequence|...`.",
        )
    return tag, order


def _description(vcf: Any, tag: str) -> str | None:
    """Description of an INFO field; None without the field."""
    infos = (line.info() for line in vcf.header_iter() if line.type == "INFO")
    found = (info for info in infos if info["ID"] == tag)
    return next((info.get("Description", "").strip('"') for info in found), None)


def _sites(vcf: Any, tag: str, order: Mapping[str, int], path: str | Path) -> Iterator[_Site]:
    """Annotated records."""
    for record in readable_records(vcf, path):
        text = record.INFO.get(tag)
        if text:
            entries = str(text).split(",")
            kept = (entry for entry in entries if not entry.startswith((_POINTER, _BEHIND_STOP)))
            split = (_parts(entry, order) for entry in kept)
            yield _Site(
                canonical_chromosome(record.CHROM),
                int(record.POS),
                record.REF.upper(),
                [alt.upper() for alt in record.ALT],
                [parts for parts in split if tag == "BCSQ" or worst_severity(parts["consequence"]) is not None],
                [int(entry.removeprefix(_POINTER)) for entry in entries if entry.startswith(_POINTER)],
            )


def _parts(entry: str, order: Mapping[str, int]) -> dict[str, str]:
    """The parts of one entry by our names; parts at its end may be missing.

    VEP on RefSeq gives numbers as gene ids, SnpEff symbols or others: only Ensembl's ids are better than a symbol.
    """
    cells = entry.split("|", max(order.values()) + 1)
    parts = {part: cells[place].strip() if place < len(cells) else "" for part, place in order.items()}
    if parts.get("symbol") and not parts["gene"].startswith("ENS"):
        parts["gene"] = parts["symbol"]
    return parts


def _allele_rows(sites: Iterator[_Site]) -> Iterator[Row]:
    """Rows of VEP's and SnpEff's entries, which name their allele."""
    n_lost, example = 0, ""
    for site in sites:
        spellings = _allele_spellings(site.ref, site.alts)
        for entry in site.entries:
            index = _named_allele(entry["allele"], entry.get("allele_number", ""), spellings)
            if index is not None:
                yield from site.rows([index], entry)
            else:
                n_lost += 1
                example = f"{entry['allele']!r} at {site.chromosome}:{site.position}"
    if n_lost:
        _LOG.warning(
            "%d consequences are not used: their allele is none of the site's ALT, for example %s. "
            "Split sites with several ALT before annotation, not after.",
            *(n_lost, example),
        )


def _allele_spellings(ref: str, alts: Sequence[str]) -> list[tuple[str, str, str]]:
    """How programs may write each ALT: VEP's way, as in the VCF (SnpEff), and VEP's way with `--minimal`.

    >>> _allele_spellings("CA", ["C", "CAT", "CG"])
    [('-', 'C', '-'), ('AT', 'CAT', 'T'), ('G', 'CG', 'G')]
    >>> _allele_spellings("C", ["CA", "T"])
    [('CA', 'CA', 'A'), ('T', 'T', 'T')]
    """
    sequences = [alt for alt in alts if alt != "*"]
    unequal = any(len(alt) != len(ref) for alt in sequences)
    drops_first = unequal and len({allele[0] for allele in (ref, *sequences)}) == 1
    return [((alt[1:] or "-") if drops_first and alt != "*" else alt, alt, _minimal(ref, alt)) for alt in alts]


def _minimal(ref: str, alt: str) -> str:
    """ALT without the bases that it shares with REF at the start, then at the end; `-` when none are left."""
    if ref == alt:
        return alt
    while ref and alt and ref[0] == alt[0]:
        ref, alt = ref[1:], alt[1:]
    while ref and alt and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    return alt or "-"


def _named_allele(allele: str, number: str, spellings: Sequence[tuple[str, str, str]]) -> int | None:
    """Index of the ALT that an entry names; None where it names no ALT of the site, or may mean several.

    The number (`--allele_number`) decides where it agrees with the text: it does not, after a site was split.
    """
    allele = allele.upper()
    index = int(number) - 1 if number.isdecimal() else -1
    if 0 <= index < len(spellings) and allele in spellings[index]:
        return index
    for way in zip(*spellings, strict=True):
        if way.count(allele) == 1:
            return way.index(allele)
    return None


def _bcftools_rows(sites: Iterator[_Site]) -> Iterator[Row]:
    """Rows of bcftools csq's entries, which name the changes (`25G>A`) that act together, or none."""
    written: dict[tuple[str, int], list[tuple[frozenset[str], dict[str, str]]]] = defaultdict(list)
    pointing: list[_Site] = []
    for site in sites:
        labels = _change_labels(site)
        for entry in site.entries:
            changes = frozenset(entry["changes"].split("+"))
            entry["consequence"] = _spelled_out(entry["consequence"])
            if len(changes) > 1:
                written[site.chromosome, site.position].append((changes, entry))
            named = [index for index, label in enumerate(labels) if label in changes]
            yield from site.rows(named or range(len(site.alts)), entry)
        if site.pointers:
            pointing.append(site)
    n_lost = 0
    for site in pointing:
        for position in site.pointers:
            found = [
                (index, entry)
                for changes, entry in written[site.chromosome, position]
                for index, label in enumerate(_change_labels(site))
                if label in changes
            ]
            n_lost += not found
            for index, entry in found:
                yield from site.rows([index], entry)
    if n_lost:
        _LOG.warning("%d consequences point at a position that does not name them: the file is part of another", n_lost)


def _change_labels(site: _Site) -> list[str]:
    """What bcftools csq calls the change to each ALT."""
    return [f"{site.position}{site.ref}>{alt}" for alt in site.alts]


def _spelled_out(consequence: str) -> str:
    """Terms of the Sequence Ontology for those of bcftools csq.

    >>> _spelled_out("missense&splice_region")
    'missense_variant&splice_region_variant'
    """
    return "&".join(_BCFTOOLS_TERMS.get(term, term) for term in consequence.split("&"))
