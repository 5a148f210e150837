"""susieR through rpy2 gives the answers that susieR gave on its own, to the last digits that matter."""

import logging
import subprocess
import sys

import numpy as np
import pytest
from susie_reference import OWN_CASES, SHARED_CASES, load_case, needs_shared, needs_susier

from locus2target.core.errors import InputError
from locus2target.statgen import susier
from locus2target.statgen.engine import FitError, SusieInput, SusieSettings, allele_scale
from locus2target.statgen.susier import SusieR

ALL_CASES = [*OWN_CASES, *(pytest.param(name, marks=needs_shared) for name in SHARED_CASES)]


@needs_susier
@pytest.mark.parametrize("name", ALL_CASES)
def test_fit_equals_the_reference(name):
    case = load_case(name)
    fit = SusieR().fit(case.data, case.settings)
    is_reference_version = fit.engine == "susieR 0.12.35"
    pip_limit, lbf_limit = (1e-8, 1e-6) if is_reference_version else (2e-2, 0.2)  # another version stops elsewhere
    np.testing.assert_allclose(fit.pip, case.arrays["a_stop_pip"], rtol=0, atol=pip_limit)
    np.testing.assert_allclose(fit.lbf, case.stop["lbf"], rtol=0, atol=lbf_limit)
    expected_sets = [(found["effect"], found["variables"]) for found in case.stop["cs"]]
    assert [(found.effect, found.variables.tolist()) for found in fit.credible_sets] == expected_sets
    if not is_reference_version:
        return
    assert fit.n_iterations == case.stop["niter"]
    assert fit.converged == case.stop["converged"]
    np.testing.assert_allclose(fit.prior_variance, np.array(case.stop["V"]) / case.trait_variance, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(fit.residual_variance, case.stop["sigma2"] / case.trait_variance, rtol=1e-8)
    n = 2 if case.data.n_samples is None else case.data.n_samples  # without n susieR sets 2
    scale_of_trait = 0.5 * n * np.log(case.trait_variance)  # a density depends on the unit of the trait
    np.testing.assert_allclose(fit.elbo, case.stop["elbo"][-1] + scale_of_trait, rtol=0, atol=1e-7)
    for found, expected in zip(fit.credible_sets, case.stop["cs"], strict=True):
        measured = (found.coverage, found.purity_min, found.purity_mean, found.purity_median)
        stated = tuple(expected[key] for key in ("coverage", "min_abs_corr", "mean_abs_corr", "median_abs_corr"))
        np.testing.assert_allclose(measured, stated, rtol=0, atol=1e-8)


@needs_susier
@pytest.mark.parametrize("name", ["dev01_n3t1_L10", "dev07_n3t1_L10_priorw"])
def test_every_array_equals_the_converged_reference(name):
    case = load_case(name)
    fit = SusieR().fit(case.data, SusieSettings(tolerance=1e-11))
    effects = case.arrays["a_conv_effects"].astype(int)
    assert np.flatnonzero(fit.prior_variance > 1e-9).tolist() == effects.tolist()
    for field, limit in (("alpha", 1e-5), ("mu", 1e-5), ("mu2", 1e-5), ("lbf_variable", 1e-4)):
        np.testing.assert_allclose(getattr(fit, field)[effects], case.arrays[f"a_conv_{field}"], rtol=0, atol=limit)
    np.testing.assert_allclose(fit.posterior_mean(), case.arrays["a_conv_post_mean"], rtol=0, atol=1e-5)
    np.testing.assert_allclose(fit.posterior_sd(), case.arrays["a_conv_post_sd"], rtol=0, atol=1e-5)
    np.testing.assert_allclose(fit.alpha.sum(axis=1), 1.0, rtol=1e-12)


@needs_susier
def test_effects_come_back_in_the_unit_of_the_standard_error():
    case = load_case("dev13_n2t1_bhat_shat_vary")
    fit = SusieR().fit(case.data, SusieSettings(tolerance=1e-11, max_iterations=500))
    scale = allele_scale(case.data.z_score, case.standard_error, case.data.n_samples)
    np.testing.assert_allclose(fit.posterior_mean() * scale, case.arrays["a_conv_post_mean"], rtol=0, atol=2e-5)
    np.testing.assert_allclose(fit.posterior_sd() * scale, case.arrays["a_conv_post_sd"], rtol=0, atol=2e-5)


@needs_susier
def test_what_r_says_is_kept_and_not_printed(capfd):
    case = load_case("dev14_n2t1_no_n")
    fit = SusieR().fit(case.data, case.settings)
    assert any("sample size" in message for message in fit.messages)
    assert capfd.readouterr() == ("", "")


@needs_susier
def test_unconverged_fit_says_so_in_status_and_messages():
    case = load_case("dev01_n3t1_L10")
    fit = SusieR().fit(case.data, SusieSettings(max_iterations=2))
    assert not fit.converged
    assert fit.n_iterations == 2
    assert any("did not converge" in message for message in fit.messages)


@needs_susier
def test_an_r_error_becomes_a_fit_error_with_its_message():
    with pytest.raises(FitError, match=r"susieR .* stopped: n must be greater than 1"):
        SusieR().fit(SusieInput(np.array([1.0, 2.0]), np.eye(2), 1.0), SusieSettings())
    fit = SusieR().fit(SusieInput(np.array([1.0, 9.0]), np.eye(2), 500.0), SusieSettings(max_signals=1))
    assert int(np.argmax(fit.pip)) == 1  # R goes on working


@needs_susier
def test_fits_leave_no_matrices_behind_in_r():
    case = load_case("dev01_n3t1_L10")
    interface = susier._open_session().interface
    used = []
    for _ in range(3):
        SusieR().fit(case.data, case.settings)
        used.append(float(interface.evalr("sum(gc()[, 2])")[0]))  # MB
    assert max(used) - min(used) < 1.0


@needs_susier
def test_r_console_output_goes_to_the_log(caplog, capfd):
    interface = susier._open_session().interface
    with caplog.at_level(logging.INFO, logger="locus2target"):
        interface.evalr('cat("from the console\\n")')
    assert "from the console" in caplog.text
    assert capfd.readouterr().out == ""


@needs_susier
def test_an_old_or_absent_susier_names_the_way_out(monkeypatch):
    monkeypatch.setattr(susier, "_OLDEST", (99,))
    with pytest.raises(InputError, match=r"older than 99.*envs/finemap\.yaml.*r-cran-susier"):
        susier._open_session.__wrapped__()


def test_a_machine_without_r_names_the_way_out():
    code = (
        "import sys; sys.modules['rpy2'] = None\n"
        "import numpy as np\n"
        "from locus2target.core.errors import InputError\n"
        "from locus2target.statgen.engine import SusieInput, SusieSettings\n"
        "from locus2target.statgen.susier import SusieR\n"
        "try:\n"
        "    SusieR().fit(SusieInput(np.zeros(2), np.eye(2), 10.0), SusieSettings())\n"
        "except InputError as error:\n"
        "    print(error)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, capture_output=True, text=True, check=True
    )
    assert "envs/finemap.yaml" in result.stdout
    assert "r-cran-susier" in result.stdout


def test_versions_compare_by_number():
    assert susier._version_parts("0.12.35") > susier._version_parts("0.9.9")
    assert susier._version_parts("0.16-5") == (0, 16, 5)
