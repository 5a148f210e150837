"""bcftools csq on a toy genome against consequences worked out by hand, and variants that it would refuse."""

import runpy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from coding_toys import MINUS_ID, PLUS_ID, SEQUENCE, gene_models, write_gene_models, write_genome
from target_toys import ROOT, table

from locus2target.core import tables
from locus2target.core.errors import InputError
from locus2target.core.likely_variants import LikelyVariants
from locus2target.core.schemas import CREDIBLE_SETS
from locus2target.core.tables import write_table
from locus2target.targets.annotations import match_consequences, read_consequences
from locus2target.targets.consequence_calling import PredictedConsequences, predict_consequences

pytestmark = pytest.mark.skipif(shutil.which("bcftools") is None, reason="bcftools is not installed")

# variant, gene, consequence; None: no effect on protein or splicing
BY_HAND = [
    ("1:101:A:G", PLUS_ID, "start_lost"),  # ATG > GTG
    ("1:104:A:G", PLUS_ID, "missense_variant"),  # AAA > GAA, K > E
    ("1:106:A:G", PLUS_ID, None),  # AAA > AAG, K > K
    ("1:109:G:A", PLUS_ID, "stop_gained"),  # TGG > TGA
    ("1:109:G:C", PLUS_ID, "missense_variant"),  # TGG > TGC, W > C: another ALT at the same place
    ("1:103:GA:G", PLUS_ID, "frameshift_variant"),  # one base of AAA lost
    ("1:103:GAAA:G", PLUS_ID, "inframe_deletion"),  # AAA lost
    ("1:113:G:A", PLUS_ID, "splice_donor_variant"),  # first base of the intron
    ("1:116:A:C", PLUS_ID, "splice_region_variant"),  # fourth base of the intron
    ("1:125:C:T", PLUS_ID, None),  # inside the intron
    ("1:144:G:A", PLUS_ID, "splice_acceptor_variant"),  # last base of the intron
    ("1:154:T:C", PLUS_ID, "stop_lost"),  # TAA > CAA
    ("1:60:C:A", None, None),  # outside genes
]


def minus_variant(codon: int, offset: int, new: str) -> str:
    """Key of a change of the gene on the other strand; codon and offset from 0, `new` as the gene reads."""
    position = 212 - 3 * codon - offset
    complement = dict(zip("ACGT", "TGCA", strict=True))
    return f"1:{position}:{SEQUENCE[position - 1]}:{complement[new]}"


BY_HAND += [
    (minus_variant(1, 0, "A"), MINUS_ID, "missense_variant"),  # TGT > AGT, C > S
    (minus_variant(1, 2, "A"), MINUS_ID, "stop_gained"),  # TGT > TGA
    (minus_variant(2, 2, "G"), MINUS_ID, None),  # CAA > CAG, Q > Q
]


def variants_of(keys: list[str]) -> pd.DataFrame:
    cells = [key.split(":") for key in keys]
    return pd.DataFrame(
        {
            "variant": keys,
            "chromosome": [cell[0] for cell in cells],
            "position": [int(cell[1]) for cell in cells],
            "ref": [cell[2] for cell in cells],
            "alt": [cell[3] for cell in cells],
        }
    )


def predict(folder: Path, keys: list[str], *, lines: list[str] | None = None, **genome: Any) -> PredictedConsequences:
    models = write_gene_models(folder / "models.gff3.gz", gene_models() if lines is None else lines)
    every = LikelyVariants(min_pip=0)
    every.add(variants_of(keys).assign(pip=0.5))
    pieces = list(
        predict_consequences(
            every.along_genome(), genome=write_genome(folder, **genome), gene_models=models, build="GRCh38"
        )
    )
    return PredictedConsequences(
        pd.concat([piece.consequences for piece in pieces], ignore_index=True),
        pd.concat([piece.dispositions for piece in pieces], ignore_index=True),
    )


def keys_of(consequences: pd.DataFrame) -> list[str]:
    columns = consequences[["chromosome", "position", "ref", "alt"]].astype(str)
    return [":".join(row) for row in columns.itertuples(index=False)]


@pytest.mark.parametrize("contig", ["chr1", "1"])
@pytest.mark.parametrize("seqid", ["chr1", "1"])
def test_consequences_are_those_worked_out_by_hand(tmp_path: Path, contig: str, seqid: str) -> None:
    shuffled = [key for key, _, _ in BY_HAND[::-1]]
    found = predict(tmp_path, shuffled, lines=gene_models(seqid), contig=contig)
    expected = {(key, gene, term) for key, gene, term in BY_HAND if term is not None}
    named = zip(
        keys_of(found.consequences), found.consequences["gene_id"], found.consequences["consequence"], strict=True
    )
    assert set(named) == expected
    assert set(found.dispositions["status"]) == {"ok"}
    assert list(found.dispositions["variant"]) == sorted(
        shuffled, key=lambda key: (int(key.split(":")[1]), key.split(":")[2:])
    )


def test_pieces_say_what_one_piece_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [*(key for key, _, _ in BY_HAND), "1:104:C:G", "9:150:A:G"]
    whole = predict(tmp_path, keys)
    monkeypatch.setattr(tables, "ROWS_AT_ONCE", 3)
    pieces = predict(tmp_path, keys)
    pd.testing.assert_frame_equal(pieces.consequences, whole.consequences)
    pd.testing.assert_frame_equal(pieces.dispositions, whole.dispositions)


def test_refused_variants_have_a_status_and_do_not_end_the_run(tmp_path: Path) -> None:
    good = "1:104:A:G"
    refused = {
        "1:104:C:G": "ref_mismatch",
        "1:104:A:<DEL>": "not_bases",
        "2:150:A:G": "no_sequence",  # N in this FASTA
        "9:150:A:G": "no_sequence",  # not in this FASTA
        "1:9999:A:G": "no_sequence",  # behind the end
        "1:1:G:A": "no_sequence",  # nothing before it
    }
    found = predict(tmp_path, [good, *refused, good])
    status = found.dispositions.set_index("variant")["status"]
    assert dict(status) == {good: "ok"} | refused
    assert (found.dispositions["reason"] == "").tolist() == (found.dispositions["status"] == "ok").tolist()
    assert keys_of(found.consequences) == [good]
    reason = found.dispositions.set_index("variant").loc["1:104:C:G", "reason"]
    assert reason == "REF is C, the genome has A"


def test_a_chromosome_without_gene_models_has_a_status(tmp_path: Path) -> None:
    sequence = SEQUENCE + "ACGT" * 10
    found = predict(tmp_path, ["1:104:A:G"], lines=gene_models("7"), sequence=sequence)
    assert found.dispositions["status"].tolist() == ["no_gene_models"]
    assert found.consequences.empty
    found.consequences.to_csv(tmp_path / "empty.tsv", sep="\t", index=False)
    assert read_consequences(tmp_path / "empty.tsv").empty


def test_a_gene_beyond_its_contig_does_not_end_the_run(tmp_path: Path) -> None:
    """The FASTA stops inside MINUS; the program would read past the end."""
    found = predict(tmp_path, ["1:104:A:G", "1:203:A:C"], sequence=SEQUENCE[:206])
    assert keys_of(found.consequences) == ["1:104:A:G"]


def test_other_gene_models_are_refused(tmp_path: Path) -> None:
    gencode = [line.replace("ID=gene:", "ID=").replace("transcript:", "") for line in gene_models()]
    with pytest.raises(InputError, match="no line with `ID=gene:"):
        predict(tmp_path, ["1:104:A:G"], lines=gencode)
    grch37 = [line.replace(f"1 1 {len(SEQUENCE)}", "1 1 249250621") for line in gene_models()]
    with pytest.raises(InputError, match="GRCh37"):
        predict(tmp_path, ["1:104:A:G"], lines=grch37)
    with pytest.raises(InputError, match="not a line of GFF3") as error:
        predict(tmp_path, ["1:104:A:G"], lines=[*gene_models(), "chr1\tgene"])
    assert error.value.where.endswith("models.gff3.gz, line 14")


def test_failures_of_the_program_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = [line.replace("145\t156\t.\t+\t0", "145\t156\t.\t+\t1") for line in gene_models()]
    with pytest.raises(InputError, match="bcftools csq ended with status"):
        predict(tmp_path, ["1:104:A:G"], lines=broken)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="bcftools is not installed"):
        predict(tmp_path, ["1:104:A:G"])


def test_script_writes_what_the_evidence_reads(tmp_path: Path) -> None:
    keys = [key for key, _, _ in BY_HAND]
    cells = [
        dict(zip(("variant", "chromosome", "position", "ref", "alt"), row, strict=True))
        for row in variants_of(keys).itertuples(index=False, name=None)
    ]
    batches = [tmp_path / "1.parquet", tmp_path / "2.parquet"]
    write_table(table(CREDIBLE_SETS, cells[:6]), batches[0], CREDIBLE_SETS)
    write_table(table(CREDIBLE_SETS, cells[4:]), batches[1], CREDIBLE_SETS)
    out, status = tmp_path / "consequences.tsv", tmp_path / "dispositions.tsv"
    main = runpy.run_path(str(ROOT / "workflow/scripts/predict_consequences.py"))["main"]
    main(
        credible_sets=[str(path) for path in batches],
        genome=str(write_genome(tmp_path)),
        gene_models=str(write_gene_models(tmp_path / "models.gff3", gene_models())),
        consequences=str(out),
        dispositions=str(status),
        build="GRCh37",
    )
    found = match_consequences(variants_of(keys), read_consequences(out))
    assert set(zip(found["variant"], found["gene_id"], found["consequence"], strict=True)) == {
        row for row in BY_HAND if row[2] is not None
    }
    assert found.set_index("variant").loc["1:116:A:C", "severity"] == "splice_region"
    assert len(pd.read_csv(status, sep="\t")) == len(keys)


def test_haplotypes_of_bcftools_are_resolved(tmp_path: Path) -> None:
    """AAA > GGA by two changes of one haplotype: bcftools writes the consequence at one and points from the other."""
    write_genome(tmp_path)
    models = write_gene_models(tmp_path / "models.gff3", gene_models("chr1"))
    vcf, out = tmp_path / "phased.vcf", tmp_path / "phased.bcf"
    rows = [(104, "A", "G,T"), (105, "A", "G")]
    vcf.write_text(
        f"##fileformat=VCFv4.2\n##contig=<ID=chr1,length={len(SEQUENCE)}>\n"
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS1\n"
        + "".join(f"chr1\t{pos}\t.\t{ref}\t{alt}\t.\t.\t.\tGT\t1|1\n" for pos, ref, alt in rows)
    )
    subprocess.run(
        ["bcftools", "csq", "-f", tmp_path / "genome.fa", "-g", models, "-O", "b", "-o", out, vcf],
        check=True,
        capture_output=True,
    )
    text = subprocess.run(["bcftools", "view", "-H", out], check=True, capture_output=True, text=True).stdout
    assert "@104" in text or "@105" in text
    found = read_consequences(out)
    assert keys_of(found) == ["1:104:A:G", "1:105:A:G"]
    assert found["gene_id"].tolist() == ["PLUS", "PLUS"]
    assert found["consequence"].tolist() == ["missense_variant", "missense_variant"]
