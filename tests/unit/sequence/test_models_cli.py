import hashlib
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch
from environment import STARTED_WITH
from published_formats import random_state, targets_text, write_calico
from torch import nn

from locus2target.core.errors import InputError
from locus2target.sequence import models
from locus2target.sequence.model_row import ModelRow
from locus2target.sequence.registry import load_model
from locus2target.sequence.weights import LoadedNetwork, find_file, load_into, read_state_dict


class Toy(nn.Module):
    n_tracks = 2

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(3, 2)


def load_toy(folder):
    """Loader of the published form: weights in the folder, parameters beside it or one folder up."""
    weights, parameters = find_file(folder, ["model_best.pth"]), find_file(folder, ["params.json", "../params.json"])
    network = Toy()
    load_into(network, read_state_dict(weights), where=weights)
    return LoadedNetwork(network.eval(), (weights, parameters))


@pytest.fixture(autouse=True)
def toy_backend(monkeypatch):
    monkeypatch.setitem(models.LOADERS, "toy", f"{__name__}:load_toy")


def toy_state(inputs=3, seed=0):
    return random_state({"head.weight": (2, inputs), "head.bias": (2,)}, seed)


@pytest.fixture
def folder(tmp_path):
    rows = [{"identifier": f"t{i}", "clip": 8, "strand_pair": i} for i in range(2)]
    return write_calico(tmp_path / "f0", toy_state(), {"model": {}}, targets_text(rows))


def check(capsys, folder, *options):
    """Exit code, standard output and standard error of `check`."""
    code = models.main(["check", str(folder), "--backend", "toy", *options])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


class TestCheck:
    def test_sound_weights_pass_with_their_checksums(self, folder, capsys):
        code, out, err = check(capsys, folder)
        assert (code, err) == (0, "")
        for name in ("model_best.pth", "params.json", "targets.txt"):
            digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
            assert any(line.startswith(digest) and line.endswith(name) for line in out.splitlines())
        assert "Toy, 8 parameters, all in place" in out
        assert "tracks      2, as many as in targets.txt" in out
        assert "not recorded" in out
        assert not (folder / "checksums.sha256").exists()

    def test_recorded_checksums_hold_until_something_changes(self, folder, capsys):
        assert check(capsys, folder, "--record")[0] == 0
        code, out, _ = check(capsys, folder)
        assert code == 0
        assert "checksums   as recorded" in out
        torch.save(toy_state(seed=9), folder / "model_best.pth")
        code, out, err = check(capsys, folder)
        assert (code, out) == (1, "")
        assert err.count("\n") == 1
        assert f"{folder}: model_best.pth has changed since checksums.sha256 was recorded" in err
        assert check(capsys, folder, "--record")[0] == 0
        assert check(capsys, folder)[0] == 0

    def test_checksums_are_those_of_sha256sum(self, folder, capsys):
        (folder / "params.json").rename(folder.parent / "params.json")
        check(capsys, folder, "--record")
        out = subprocess.check_output(["sha256sum", "-c", "checksums.sha256"], cwd=folder, text=True)
        assert sorted(out.splitlines()) == ["../params.json: OK", "model_best.pth: OK", "targets.txt: OK"]

    def test_a_recorded_file_that_is_gone_is_named(self, folder, capsys):
        check(capsys, folder, "--record")
        (folder / "targets.txt").unlink()
        code, _, err = check(capsys, folder)
        assert code == 1
        assert "targets.txt is missing since" in err

    def test_a_file_that_came_later_is_named(self, folder, capsys):
        targets = folder / "targets.txt"
        text = targets.read_text()
        targets.unlink()
        check(capsys, folder, "--record")
        targets.write_text(text)
        code, _, err = check(capsys, folder)
        assert code == 1
        assert "targets.txt would be used and is not in checksums.sha256" in err

    def test_tracks_are_compared_with_their_table(self, folder, capsys):
        rows = [{"identifier": f"t{i}"} for i in range(3)]
        (folder / "targets.txt").write_text(targets_text(rows))
        code, _, err = check(capsys, folder)
        assert code == 1
        assert "targets.txt: 3 tracks are listed, the network has 2" in err

    @pytest.mark.parametrize("where", ["hg38", "..", "../hg38"])
    def test_the_table_may_be_shared_by_replicates(self, folder, capsys, where):
        (folder / where).mkdir(exist_ok=True)
        (folder / "targets.txt").rename(folder / where / "targets.txt")
        code, out, _ = check(capsys, folder)
        assert code == 0
        assert "as many as in targets.txt" in out
        assert f"{where}/targets.txt" in out

    def test_without_a_table_the_tracks_are_numbered(self, folder, capsys):
        (folder / "targets.txt").unlink()
        assert "2, without a table" in check(capsys, folder)[1]

    @pytest.mark.parametrize(
        ("spoil", "message"),
        [
            (lambda folder: (folder / "model_best.pth").unlink(), "none of these files is there: model_best.pth"),
            (lambda folder: (folder / "model_best.pth").write_bytes(b"PK"), "not a whole torch file"),
            (
                lambda folder: torch.save(toy_state(inputs=4), folder / "model_best.pth"),
                "tensor head.weight has shape (2, 4) in the file and (2, 3) in the network",
            ),
            (lambda folder: (folder / "checksums.sha256").write_text("nonsense\n"), "not a list of checksums"),
        ],
    )
    def test_trouble_ends_with_one_and_a_line(self, folder, capsys, spoil, message):
        spoil(folder)
        code, out, err = check(capsys, folder)
        assert (code, out) == (1, "")
        assert err.count("\n") == 1
        assert message in err

    def test_nothing_is_recorded_of_weights_that_do_not_load(self, folder, capsys):
        (folder / "model_best.pth").write_bytes(b"")
        assert check(capsys, folder, "--record")[0] == 1
        assert not (folder / "checksums.sha256").exists()

    def test_a_missing_folder(self, tmp_path, capsys):
        code, _, err = check(capsys, tmp_path / "nowhere")
        assert code == 1
        assert "no such folder" in err

    def test_an_unknown_backend_is_refused_by_the_parser(self, folder, capsys):
        with pytest.raises(SystemExit) as caught:
            models.main(["check", str(folder), "--backend", "borzoy"])
        assert caught.value.code == 2
        assert "borzoi" in capsys.readouterr().err


@pytest.mark.parametrize("backend", sorted(models.LOADERS))
def test_every_loader_can_be_imported(backend):
    module, function = models.LOADERS[backend].split(":")
    assert callable(getattr(import_module(module), function))


class TestCatalogue:
    def test_list_shows_every_model_in_aligned_columns(self, capsys):
        assert models.main(["list"]) == 0
        head, *lines = capsys.readouterr().out.splitlines()
        catalogue = models.read_catalogue()
        assert [line.split()[0] for line in lines] == catalogue["model"].tolist()
        for column in ("backend", "input_bp", "bins", "tracks", "code_licence", "weights_licence", "size_mb", "source"):
            start = head.index(column)
            cells = [line[start:].split("  ")[0] for line in lines]
            assert cells == catalogue[column].tolist()

    def test_show_tells_all_and_how_to_check(self, capsys):
        assert models.main(["show", "enformer"]) == 0
        out = capsys.readouterr().out
        assert "https://huggingface.co/EleutherAI/enformer-official-rough" in out
        assert "check FOLDER --backend enformer" in out

    def test_models_run_elsewhere_have_no_check(self, capsys):
        assert models.main(["show", "alphagenome"]) == 0
        assert "check FOLDER" not in capsys.readouterr().out

    def test_an_unknown_model_gets_near_names(self, capsys):
        assert models.main(["show", "borzio"]) == 1
        assert "borzoi" in capsys.readouterr().err

    def test_a_checkout_without_the_catalogue(self, tmp_path):
        with pytest.raises(InputError, match="catalogue"):
            models.read_catalogue(tmp_path / "catalogue.tsv")

    def test_names_are_unique_and_nothing_that_matters_is_empty(self):
        catalogue = models.read_catalogue()
        assert catalogue["model"].is_unique
        assert set(catalogue["transform"]) == {"none", "borzoi_legacy", "baskerville"}
        for column in (
            "model",
            "backend",
            "organism",
            "code_licence",
            "weights_licence",
            "source",
            "files",
            "citation",
        ):
            assert (catalogue[column] != "").all(), column

    def test_backends_are_those_that_the_registry_knows(self):
        row = ModelRow("m", "none", (Path("x"),))
        with pytest.raises(InputError) as caught:
            load_model(row, device=torch.device("cpu"), settings={})
        known = set(caught.value.remedy.removeprefix("Use one of ").rstrip(".").split(", "))
        catalogue = set(models.read_catalogue()["backend"])
        assert catalogue == known
        assert set(models.LOADERS) - {"toy"} <= known

    def test_the_readme_names_every_model(self):
        readme = models.CATALOGUE.with_name("README.md").read_text()
        missing = [model for model in models.read_catalogue()["model"] if f"`{model}`" not in readme]
        assert not missing


def test_it_runs_as_a_program():
    scripts = Path(models.__file__).parents[2]
    command = [sys.executable, "-m", "locus2target.sequence.models", "show", "shorkie"]
    assert subprocess.check_output(command, cwd=scripts, text=True, env=STARTED_WITH).startswith("model")
