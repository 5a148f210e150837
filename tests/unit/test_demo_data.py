"""The demo data are whole, small, licensed, indexed, and what the sheets and READMEs say."""

import csv
import gzip
import hashlib
from pathlib import Path

import pysam
import pytest
import yaml
from cyvcf2 import VCF

from locus2target.core.intervals import Region
from locus2target.core.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "demo/data"
MAX_BYTES = 15_000_000
SHEET_PATHS = {"studies": "path", "qtls": "path", "cohorts": "genotypes", "models": "weights"}
HAPMAP3 = DATA / "genotypes/EUR489_hm3.demo.bcf"
DENSE = DATA / "genotypes/EUR489_dense_chr20.demo.vcf.gz"
FASTA = DATA / "genome/GRCh37_partial.fa.gz"

# Locus -> study variants in the window that have genotypes with the same alleles (counted with pandas from the files).
HAPMAP3_COUNTS = {
    "GRM3": 743,
    "SRR": 897,
    "FURIN": 568,
    "DRD2": 624,
    "CACNA1C": 633,
    "ATP2A2": 296,
    "AS3MT": 414,
    "MHC": 400,
    "ITIH3": 457,
}
TARGETS = ["GRM3", "SRR", "TSR1", "SMG6", "SIRPG", "HMGCR", "CTLA4", "ICOS", "CD28", "RBMS1", "OAS1", "OAS3"]
TARGETS += ["FURIN", "FES", "DRD2", "CACNA1C", "ATP2A2", "AS3MT", "CNNM2", "ITIH3", "ITIH4"]


def read_tsv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


@pytest.fixture(scope="module")
def manifest() -> list[dict[str, str]]:
    return read_tsv(DATA / "MANIFEST.tsv")


@pytest.fixture(scope="module")
def loci() -> dict[str, dict[str, str]]:
    return {row["locus"]: row for row in read_tsv(DATA / "loci.tsv")}


def test_manifest_lists_every_file_once(manifest):
    there = sorted(path.relative_to(DATA).as_posix() for path in DATA.rglob("*") if path.is_file())
    assert sorted([*(row["file"] for row in manifest), "MANIFEST.tsv"]) == there


def test_files_are_the_ones_of_the_manifest(manifest):
    for row in manifest:
        content = (DATA / row["file"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (int(row["bytes"]), row["sha256"]), row["file"]


def test_every_file_has_licence_source_and_citation(manifest):
    assert [row["file"] for row in manifest if not all(value.strip() for value in row.values())] == []
    assert [row["file"] for row in manifest if "GPL" in row["licence"]] == []


def test_readme_describes_every_file(manifest):
    readme = (ROOT / "demo/README.md").read_text()
    indexes = (".fai", ".gzi", ".tbi", ".csi")
    names = [row["file"] for row in manifest if not row["file"].endswith(indexes)]
    assert [name for name in names if f"`{name}`" not in readme] == []


def test_size_stays_small():
    assert sum(path.stat().st_size for path in DATA.rglob("*") if path.is_file()) < MAX_BYTES


@pytest.mark.parametrize("sheet", SHEET_PATHS)
def test_sheet_paths_exist_and_sheets_have_no_comments(sheet):
    path = ROOT / f"config/{sheet}.tsv"
    assert not any(line.startswith("#") for line in path.read_text().splitlines())
    rows = read_tsv(path)
    assert rows
    assert [row[SHEET_PATHS[sheet]] for row in rows if not (ROOT / row[SHEET_PATHS[sheet]]).is_file()] == []


def test_demo_config_and_sheets_are_valid(monkeypatch):
    monkeypatch.chdir(ROOT)
    config = yaml.safe_load(Path("config/config.yaml").read_text())
    settings = load_settings(config, schemas=Path("workflow/schemas"), where="config/config.yaml")
    assert len(settings.studies) == len(settings.diseases) == 6
    paths = [config["genome"]["fasta"], config["genome"]["gtf"], *config["genome"]["chains"].values()]
    paths += [path for path in config["annotations"].values() if path is not None]
    assert [path for path in paths if not Path(path).is_file()] == []


def test_config_readme_explains_every_key_and_column():
    readme = (ROOT / "config/README.md").read_text()
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())

    def keys(node: object, prefix: str = "") -> list[str]:
        if not isinstance(node, dict):
            return [prefix]
        return [key for name, value in node.items() for key in keys(value, f"{prefix}.{name}" if prefix else name)]

    names = [key for key in keys(config) if not key.startswith("genome.chains.")]
    for sheet in SHEET_PATHS:
        names += read_tsv(ROOT / f"config/{sheet}.tsv")[0]
    assert [name for name in names if f"`{name}`" not in readme] == []


def test_fasta_has_whole_chromosomes_and_the_known_sequence(loci):
    with pysam.FastaFile(str(FASTA)) as fasta:
        assert set(fasta.references) == {row["chromosome"] for row in loci.values()}
        assert fasta.get_reference_length("7") == 159_138_663
        assert fasta.fetch("17", 2_208_898, 2_208_899) in {"T", "G"}  # rs4523957
        assert fasta.fetch("7", 86_427_625, 86_427_626) in {"A", "G"}  # rs12704290
        assert set(fasta.fetch("20", 1_000_000, 2_000_000)) == {"A", "C", "G", "T"}
        assert set(fasta.fetch("2", 204_138_918, 204_148_918)) == {"N"}


def test_genotypes_are_indexed_sorted_biallelic_and_complete():
    samples = []
    for path in (HAPMAP3, DENSE):
        reader = VCF(str(path))
        samples.append(reader.samples)
        places = [(reader.seqnames.index(r.CHROM), r.POS, len(r.ALT), r.num_unknown) for r in reader]
        assert [place[:2] for place in places] == sorted(place[:2] for place in places)
        assert {place[2:] for place in places} == {(1, 0)}
    assert samples[0] == samples[1]
    assert len(set(samples[0])) == 489
    assert sum(1 for _ in VCF(str(HAPMAP3))("17:1208900-3208899")) == 908
    assert sum(1 for _ in VCF(str(DENSE))("20:1600000-1610000")) > 50


def test_reference_alleles_are_the_sequence_where_there_is_sequence():
    checked = 0
    with pysam.FastaFile(str(FASTA)) as fasta:
        for path in (HAPMAP3, DENSE):
            for record in VCF(str(path)):
                base = fasta.fetch(record.CHROM, record.POS - 1, record.POS - 1 + len(record.REF))
                known = "N" not in base
                checked += known
                assert not known or base == record.REF
                if path == HAPMAP3:
                    assert (record.INFO["REFCHECK"] == "FASTA") == known
    assert checked > 8_000


def test_lead_variants_lie_where_dbsnp_has_them(loci):
    known_grch37 = {"CTLA4": ("rs3087243", 204738919), "OAS1": ("rs10774671", 113357193)}
    for locus, (rsid, position) in known_grch37.items():
        assert (loci[locus]["lead"], int(loci[locus]["lead_position"])) == (rsid, position)
    panel = VCF(str(HAPMAP3))
    for locus in ("CTLA4", "HMGCR", "RBMS1", "OAS1", "SRR", "FURIN", "DRD2", "CACNA1C", "ATP2A2", "ITIH3"):
        row = loci[locus]
        place = f"{row['chromosome']}:{row['lead_position']}-{row['lead_position']}"
        assert [record.ID for record in panel(place)] == [row["lead"]]


@pytest.mark.parametrize(("locus", "expected"), HAPMAP3_COUNTS.items())
def test_schizophrenia_variants_with_genotypes(loci, locus, expected):
    row = loci[locus]
    region = Region(row["chromosome"], int(row["start"]), int(row["end"]))
    panel = {record.POS: {record.REF, record.ALT[0]} for record in VCF(str(HAPMAP3))(str(region))}
    with gzip.open(DATA / "gwas/SCZ_PGC2_2014.GRCh37.tsv.gz", "rt") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    inside = [row for row in rows if region.contains(row["CHR"], int(row["POS"])) and int(row["POS"]) in panel]
    assert sum(panel[int(row["POS"])] == {row["A1"], row["A2"]} for row in inside) == expected


def test_known_targets_are_annotated_as_protein_coding():
    with gzip.open(DATA / "genome/gencode_v19.demo.gtf.gz", "rt") as lines:
        genes = [line for line in lines if line.split("\t")[2] == "gene"]
    coding = {line.split('gene_name "')[1].split('"')[0] for line in genes if 'gene_type "protein_coding"' in line}
    assert set(TARGETS) <= coding


def test_chain_file_is_whole():
    with gzip.open(DATA / "genome/GRCh38_to_GRCh37.demo.chain.gz", "rt") as lines:
        chains = [chain.split("\n") for chain in lines.read().strip().split("\n\n")]
    for header, *blocks in chains:
        fields = header.split()
        sizes = [[int(number) for number in block.split()] for block in blocks]
        assert sum(block[0] for block in sizes) + sum(block[1] for block in sizes[:-1]) == int(fields[6]) - int(
            fields[5]
        )
        assert len(sizes[-1]) == 1
    assert {chain[0].split()[2] for chain in chains} >= {str(number) for number in range(1, 23)}


def test_open_chromatin_is_indexed_bed4():
    with pysam.TabixFile(str(DATA / "annotation/regulatory_elements.demo.bed.gz")) as bed:
        rows = [row.split("\t") for row in bed.fetch("17", 1_208_899, 3_208_899)]
    assert len(rows) > 500
    assert all(len(row) == 4 and int(row[1]) < int(row[2]) for row in rows)
    assert {row[3].split("_")[0] for row in rows} == {"ATAC", "DNaseI"}
