"""The profiles do not disturb each other, and `--profile slurm` is found in a fresh clone."""

from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
PROFILES = {path.parent.name: yaml.safe_load(path.read_text()) for path in (ROOT / "profiles").glob("*/config.yaml")}


def test_default_profile_sets_no_key_of_another() -> None:
    # profiles/default is loaded by itself and would silently win over --profile.
    for name, keys in PROFILES.items():
        assert name == "default" or not set(keys) & set(PROFILES["default"])


def test_root_link_leads_to_the_slurm_profile() -> None:
    assert (ROOT / "slurm").is_symlink()
    assert (ROOT / "slurm").resolve() == ROOT / "profiles" / "slurm"


def test_slurm_jobs_are_neither_grouped_nor_arrays() -> None:
    assert not {"groups", "group-components", "slurm-array-jobs"} & set(PROFILES["slurm"])


def test_slurm_profile_names_only_rules_that_exist() -> None:
    rules = "".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    for rule in PROFILES["slurm"]["set-resources"]:
        assert f"rule {rule}:" in rules
