"""Rule, script, log, benchmark and result folder of a step share one verb-noun name; rules fit on a screen."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RULE = re.compile(r"^rule (\w+):\n(.*?)(?=^rule |\Z)", re.MULTILINE | re.DOTALL)
ALL_RULES = dict(pair for path in sorted((ROOT / "rules").glob("*.smk")) for pair in RULE.findall(path.read_text()))
TARGETS = {"mendelian_randomization"}  # name what is to be made, and do nothing themselves
RULES = {name: body for name, body in ALL_RULES.items() if name not in TARGETS}

STEPS = [
    "check_run",
    "record_run",
    "index_reference",
    "annotate_genes",
    "harmonize_sumstats",
    "harmonize_qtl",
    "define_loci",
    "split_loci",
    "finemap_loci",
    "import_credible_sets",
    "crosscheck_loci",
    "finemap_qtls",
    "colocalize_loci",
    "estimate_cis_effects",
    "tabulate_directions",
    "estimate_trait_effects",
    "collect_variants",
    "sample_background",
    "train_accessibility",
    "score_variants",
    "mutate_windows",
    "fit_priors",
    "apply_priors",
    "predict_consequences",
    "deal_results",
    "enrich_contexts",
    "assemble_evidence",
    "converge_loci",
    "rank_genes",
    "annotate_targets",
    "enrich_gene_sets",
    "enrich_regulators",
    "draw_network",
    "plot_locus",
    "render_report",
    "tabulate_findings",
    "export_results",
    "benchmark_ranking",
]


def test_all_stages_are_there() -> None:
    assert set(RULES) == set(STEPS)


@pytest.mark.parametrize("name", RULES)
def test_one_name_for_everything_of_a_step(name: str) -> None:
    body = RULES[name]
    assert f"../workflow/scripts/{name}.py" in body
    assert (ROOT / "workflow" / "scripts" / f"{name}.py").is_file()
    assert re.search(rf'log:\s+"logs/{name}/', body)
    assert re.search(rf'benchmark:\s+"logs/benchmarks/{name}[/.]', body)
    written = body[body.index("output:") : body.index("log:")]
    assert set(re.findall(r'"results/(\w+)', written)) == {name}
    assert f'library=library("{name}")' in body


@pytest.mark.parametrize("name", RULES)
def test_a_rule_has_a_docstring_a_message_and_an_environment(name: str) -> None:
    body = RULES[name]
    assert re.match(r'\s+"""[A-Z][^\n]+\."""\n', body)
    assert "message:" in body
    environment = re.search(r'conda:\s+"\.\./envs/(\w+\.yaml)"', body)
    assert environment is not None
    assert (ROOT / "envs" / environment[1]).is_file()


@pytest.mark.parametrize("name", RULES)
def test_no_lambda_and_no_run_block(name: str) -> None:
    assert "lambda" not in RULES[name]
    assert not re.search(r"^\s+run:", RULES[name], re.MULTILINE)


def test_every_script_belongs_to_a_rule_or_to_run() -> None:
    scripts = {path.stem for path in (ROOT / "workflow" / "scripts").glob("*.py")}
    assert scripts == set(RULES) | {"summarize_run", "show_status"}
