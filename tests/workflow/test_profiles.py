"""The profiles do not disturb each other, and `--profile slurm` is found in a fresh clone."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
RULES = "".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
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


@pytest.mark.parametrize("name", PROFILES)
def test_profiles_name_only_rules_that_exist(name: str) -> None:
    for rule in PROFILES[name].get("set-resources", {}):
        assert f"rule {rule}:" in RULES


def test_rules_that_use_a_gpu_are_those_that_the_profiles_place() -> None:
    with_gpu = set(re.findall(r"^rule (\w+):(?:(?!^rule ).)*?gpu=GPUS", RULES, re.MULTILINE | re.DOTALL))
    assert set(PROFILES["slurm"]["set-resources"]) == with_gpu
    assert set(PROFILES["workstation"]["set-resources"]) == with_gpu


def test_retries_ask_for_more() -> None:
    for name in ("slurm", "workstation", "gpu"):
        assert PROFILES[name]["retries"] >= 1
        assert "attempt" in PROFILES[name]["default-resources"]["mem_mb"]
