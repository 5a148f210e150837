import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sequence_toys import ToyGenome, random_sequence, random_variants, variant_table

from locus2target.core.errors import InputError
from locus2target.sequence.backends import Sources
from locus2target.sequence.cell_model import load_cell_model
from locus2target.sequence.encoding import encode
from locus2target.sequence.model_row import ModelRow
from locus2target.sequence.networks.accessibility import AccessibilityFacts, AccessibilityNet, AccessibilityShape
from locus2target.sequence.networks.scbasset import ScBasset, ScBassetShape

torch.set_num_threads(1)
CPU = torch.device("cpu")
SHAPE = AccessibilityShape(128, (6, 8), (7, 3), (4, 2), (1, 2), 5)
FACTS = AccessibilityFacts(("liver", "T cell", "B cell"), ("gut", "blood", "blood"), "CC0", "toy", {"auroc": 0.9})
SCBASSET = ScBassetShape((6, 7, 8, 5), (9, 5, 5, 1), 8, 4, 3)  # 96 bases
GENOME = ToyGenome({"1": random_sequence(3_000, 1), "2": random_sequence(900, 2)})
SOURCES = Sources(GENOME.fetch, GENOME.lengths)
COMPLEMENT = str.maketrans("ACGT", "TGCA")


def randomize(network, seed):
    """Weights and running statistics at random, so that no layer is trivial."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            tensor.normal_(std=0.5, generator=generator)
            if name.endswith("running_var"):
                tensor.abs_().add_(0.5)
    return network.eval()


def write_accessibility(folder, seed=0, facts=FACTS):
    network = randomize(AccessibilityNet(SHAPE, facts), seed)
    folder.mkdir()
    save_file(network.state_dict(), folder / "model.safetensors")
    tracks = [{"name": name, "group": group} for name, group in zip(facts.tracks, facts.groups, strict=True)]
    terms = {"licence": facts.licence, "citation": facts.citation, "training": facts.training}
    (folder / "config.json").write_text(json.dumps(SHAPE.to_config() | {"tracks": tracks} | terms))
    return network


def write_scbasset(folder, seed=0, groups=None):
    network = randomize(ScBasset(SCBASSET), seed)
    folder.mkdir()
    save_file(network.state_dict(), folder / "model.safetensors")
    (folder / "cells.txt").write_text("AAA-1\nCCC-1\nGGG-1\n")
    if groups is not None:
        lines = [f"{name}\t{group}" for name, group in zip(("AAA-1", "CCC-1", "GGG-1"), groups, strict=True)]
        (folder / "cell_groups.tsv").write_text("\n".join(["identifier\tgroup", *lines]) + "\n")
    return network


def logits(network, sequence):
    """Logits of one window, by the network's own forward pass."""
    one_hot = torch.cat([torch.eye(4), torch.zeros(1, 4)])[torch.from_numpy(encode(sequence)).long()].T[None]
    with torch.inference_mode():
        if isinstance(network, ScBasset):
            return network.cell_logits(network.latent(network.features(one_hot)))[0].double().numpy()
        return network(one_hot)[0].double().numpy()


def expected_change(network, row, variant, length):
    """Difference of logits of whole windows that string surgery makes."""
    chromosome, position, ref, alt = variant
    changes = []
    for shift in row.shifts:
        if row.shared_bp:
            cell = (position - 1) // row.shared_bp
            start = cell * row.shared_bp + row.shared_bp // 2 - length // 2 - shift
        else:
            start = position - 1 - length // 2 - shift
        while ref and alt and ref[-1] == alt[-1]:
            ref, alt = ref[:-1], alt[:-1]
        shared = next((i for i, pair in enumerate(zip(ref, alt, strict=False)) if len(set(pair)) == 2), None)
        shared = min(len(ref), len(alt)) if shared is None else shared
        first, last = position - 1 + shared - start, position - 1 + len(ref) - start
        piece = GENOME.fetch(chromosome, start, start + 2 * length)
        haplotypes = [piece[:length], (piece[:first] + alt[shared:] + piece[last:])[:length]]
        for strand in range(row.strands):
            read = [text.translate(COMPLEMENT)[::-1] if strand else text for text in haplotypes]
            changes.append(logits(network, read[1]) - logits(network, read[0]))
    return np.mean(changes, axis=0)


def variants_of_all_kinds():
    table = random_variants(GENOME.sequences["1"], 60, 3, "1")
    block = variant_table(
        ("1", 500, GENOME.sequences["1"][499:507], "ACGTACGT"), ("2", 1, GENOME.sequences["2"][0], "T")
    )
    at_the_end = variant_table(
        ("2", 900, GENOME.sequences["2"][899], "A"), ("2", 899, GENOME.sequences["2"][898], "ACC")
    )
    same = variant_table(("1", 700, GENOME.sequences["1"][699], GENOME.sequences["1"][699]))
    rows = [row for part in (table, block, at_the_end, same) for row in part.itertuples(index=False, name=None)]
    return variant_table(*rows)


ROWS = {
    "each variant in its own window": {},
    "shared windows": {"shared_bp": 32},
    "both strands": {"strands": 2, "shared_bp": 20},
    "shifts": {"shifts": (-3, 0, 2)},
}


@pytest.mark.parametrize("backend", ["accessibility", "scbasset"])
@pytest.mark.parametrize("settings", ROWS.values(), ids=ROWS)
def test_scores_are_differences_of_logits_of_whole_windows(tmp_path, backend, settings):
    write = write_accessibility if backend == "accessibility" else write_scbasset
    network = write(tmp_path / "net")
    row = ModelRow("toy", backend, (tmp_path / "net",), **settings)
    model = load_cell_model(row, device=CPU, batch_size=7)
    variants = variants_of_all_kinds()
    found = model.score(variants, SOURCES)
    assert set(found.status) == {"ok"}
    expected = [
        expected_change(network, row, variant, model.spec.window.length)
        for variant in variants.itertuples(index=False, name=None)
    ]
    assert found.effects.variants.tolist() == np.repeat(np.arange(len(variants)), 3).tolist()
    assert found.effects.tracks.tolist() == [0, 1, 2] * len(variants)
    np.testing.assert_allclose(found.effects.values.reshape(-1, 3), expected, atol=2e-6, rtol=1e-5)
    assert np.abs(expected).max() > 0.01


def test_a_network_without_patches_gives_the_same_scores_and_says_so(tmp_path, monkeypatch):
    write_scbasset(tmp_path / "net")
    row = ModelRow("toy", "scbasset", (tmp_path / "net",), shared_bp=16, strands=2)
    patched = load_cell_model(row, device=CPU, batch_size=8)
    monkeypatch.setattr("locus2target.sequence.cell_networks.PatchEngine.of", lambda *_, **__: None)
    whole = load_cell_model(row, device=CPU, batch_size=8)
    variants = variants_of_all_kinds()
    by_patches, by_windows = patched.score(variants, SOURCES), whole.score(variants, SOURCES)
    np.testing.assert_allclose(by_patches.effects.values, by_windows.effects.values, atol=2e-6, rtol=1e-5)
    assert (patched.spec.capabilities, whole.spec.capabilities) == ({"patches"}, frozenset())
    assert "exact patches" in patched.scores[0].formula
    assert "every ALT as a whole window" in whole.scores[0].formula


def test_scores_do_not_depend_on_the_other_variants_or_the_batch_size(tmp_path):
    write_scbasset(tmp_path / "net")
    row = ModelRow("toy", "scbasset", (tmp_path / "net",), shared_bp=40)
    variants = variants_of_all_kinds()
    together = load_cell_model(row, device=CPU, batch_size=16).score(variants, SOURCES)
    model = load_cell_model(row, device=CPU, batch_size=1)
    for v in (0, 7, len(variants) - 2):
        alone = model.score(variants.iloc[[v]].reset_index(drop=True), SOURCES)
        here = together.effects.variants == v
        np.testing.assert_allclose(alone.effects.values, together.effects.values[here], atol=1e-6)
        assert alone.offsets[0] == together.offsets[v]


def test_exchanging_ref_and_alt_of_an_indel_exchanges_the_sign(tmp_path):
    write_accessibility(tmp_path / "net")
    model = load_cell_model(ModelRow("toy", "accessibility", (tmp_path / "net",)), device=CPU, batch_size=4)
    sequence = random_sequence(600, 8)
    inserted = sequence[:300] + "GATTACA" + sequence[300:]
    base = sequence[299]
    there = model.score(
        variant_table(("1", 300, base, base + "GATTACA")), Sources(ToyGenome({"1": sequence}).fetch, {"1": 600})
    )
    back = model.score(
        variant_table(("1", 300, base + "GATTACA", base)), Sources(ToyGenome({"1": inserted}).fetch, {"1": 607})
    )
    np.testing.assert_allclose(there.effects.values, -back.effects.values, atol=1e-6)


def test_every_variant_has_a_status_and_its_offset(tmp_path):
    write_accessibility(tmp_path / "net")
    row = ModelRow("toy", "accessibility", (tmp_path / "net",), shared_bp=64)
    model = load_cell_model(row, device=CPU, batch_size=4)
    base = GENOME.sequences["1"][1030]
    other = "A" if base != "A" else "C"
    variants = variant_table(
        ("1", 1031, base, other),
        ("1", 1031, other, base),
        ("1", 1031, base, "<DEL>"),
        ("7", 1031, base, other),
        ("1", 1031, base, base + "A" * 200),
    )
    found = model.score(variants, SOURCES)
    assert found.status == ["ok", "ref_mismatch", "unsupported_allele", "no_sequence", "allele_too_long"]
    assert found.offsets[0] == 1030 - (1024 + 32)  # from the middle of cell 16 of 64 bases
    assert found.effects.variants.tolist() == [0, 0, 0]
    empty = model.score(variants.iloc[:0], SOURCES)
    assert empty.status == []
    assert len(empty.effects.values) == 0


def test_replicates_are_averaged(tmp_path):
    folders = tmp_path / "a", tmp_path / "b"
    for seed, folder in enumerate(folders):
        write_accessibility(folder, seed)
    row = ModelRow("toy", "accessibility", folders)
    variants = variants_of_all_kinds()
    both = load_cell_model(row, device=CPU, batch_size=9)
    each = [load_cell_model(replace(row, weights=(folder,)), device=CPU, batch_size=9) for folder in folders]
    parts = [model.score(variants, SOURCES).effects.values for model in each]
    np.testing.assert_allclose(both.score(variants, SOURCES).effects.values, np.mean(parts, axis=0), atol=1e-6)
    assert len({model.spec.weights_sha256 for model in (both, *each)}) == 3


def test_outputs_are_chosen_by_name_or_averaged_by_group(tmp_path):
    write_scbasset(tmp_path / "net", groups=["T cell", "B cell", "T cell"])
    row = ModelRow("toy", "scbasset", (tmp_path / "net",))
    variants = variants_of_all_kinds()

    def scores(tracks):
        model = load_cell_model(replace(row, tracks=tracks), device=CPU, batch_size=4)
        values = model.score(variants, SOURCES).effects.values.reshape(len(variants), -1)
        return [track.name for track in model.spec.tracks], values

    names, cells = scores("all")
    assert names == ["AAA-1", "CCC-1", "GGG-1"]
    names, chosen = scores("^CCC;T cell")
    assert names == ["AAA-1", "CCC-1", "GGG-1"]
    names, chosen = scores("T cell")
    assert names == ["AAA-1", "GGG-1"]
    np.testing.assert_allclose(chosen, cells[:, [0, 2]], atol=1e-6)
    names, groups = scores("groups")
    assert names == ["B cell", "T cell"]
    np.testing.assert_allclose(groups, np.stack([cells[:, 1], cells[:, [0, 2]].mean(1)], 1), atol=1e-6)
    names, group = scores("groups: ^T")
    assert names == ["T cell"]
    np.testing.assert_allclose(group, groups[:, [1]], atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"window_bp": 100}, "window_bp 100"),
        ({"scorers": "logSED"}, "scorers logSED"),
        ({"precision": "bfloat16"}, "precision bfloat16"),
        ({"shared_bp": 100}, "shared_bp 100"),
        ({"center_offset": -1}, "bases from base -1 of a window"),
        ({"center_offset": 10_000}, "leave center_offset empty"),
        ({"center_offset": 3, "shared_bp": 16}, "variants could lie up to 8 bases from base 3"),
        ({"shifts": (0, 10_000)}, "Lower shared_bp or the shifts"),
        ({"tracks": "kidney"}, "kidney"),
        ({"tracks": "groups: kidney"}, "kidney"),
    ],
)
def test_a_row_that_asks_for_what_there_is_not_is_refused(tmp_path, changes, words):
    write_accessibility(tmp_path / "net")
    row = ModelRow("toy", "accessibility", (tmp_path / "net",), **changes)
    with pytest.raises(InputError, match=words):
        load_cell_model(row, device=CPU, batch_size=4)


def test_replicates_with_other_outputs_and_missing_groups_are_refused(tmp_path):
    write_accessibility(tmp_path / "a")
    write_accessibility(tmp_path / "b", facts=replace(FACTS, tracks=("liver", "T cell", "NK cell")))
    row = ModelRow("toy", "accessibility", (tmp_path / "a", tmp_path / "b"))
    with pytest.raises(InputError, match="differ"):
        load_cell_model(row, device=CPU, batch_size=4)
    write_scbasset(tmp_path / "c")
    with pytest.raises(InputError, match="no groups"):
        load_cell_model(ModelRow("toy", "scbasset", (tmp_path / "c",), tracks="groups"), device=CPU, batch_size=4)
    write_scbasset(tmp_path / "d", groups=["T", "B", "T"])
    (tmp_path / "d" / "cell_groups.tsv").write_text("identifier\tgroup\nAAA-1\tT\n")
    with pytest.raises(InputError, match="CCC-1 has no group"):
        load_cell_model(ModelRow("toy", "scbasset", (tmp_path / "d",)), device=CPU, batch_size=4)


def test_the_network_of_a_model_is_exactly_the_published_one(tmp_path):
    network = write_scbasset(tmp_path / "net")
    model = load_cell_model(ModelRow("toy", "scbasset", (tmp_path / "net",)), device=CPU, batch_size=4)
    codes = encode(random_sequence(96, 5))[None]
    with torch.inference_mode():
        one_hot = torch.eye(4)[torch.from_numpy(codes).long()].transpose(1, 2)
        latent = network.latent(network.features(one_hot))
    torch.testing.assert_close(model.networks[0].vectors(codes), latent)
