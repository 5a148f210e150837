"""Schemas of every table that one stage writes and another reads.

Variants are keyed `chromosome:position:ref:alt` on the run's build; `position` is 1-based, `start`/`end` 0-based
half-open; effects are per ALT allele. `status` is one word, `reason` a sentence for people (empty when all is well).
"""

from dataclasses import replace

from locus2target.core.tables import Column, TableSchema

_STATUS = (
    Column("status", "string", "one word: ok, or what prevented a result"),
    Column("reason", "string", "sentence that explains a status other than ok"),
)
_VERDICT = (
    Column(
        "status",
        "string",
        "confident; distance_only: as probable, but not named; uncertain: below the configured probability; of `none`: "
        "ok, or what prevented a ranking of the locus",
    ),
    Column("reason", "string", "sentence that explains a status other than confident or ok"),
)
_NAMED = Column(
    "named",
    "bool",
    "a colocalization, a coding consequence or an enhancer-gene link of some weight speaks for the gene",
)
_KEY = (
    Column("variant", "string", "chromosome:position:ref:alt"),
    Column("chromosome", "string", "without chr"),
    Column("position", "int64", "of the first REF base", "1-based"),
    Column("ref", "string", "reference allele"),
    Column("alt", "string", "alternative allele, the effect allele"),
)
_ASSOCIATION = (
    *_KEY,
    Column("rsid", "string", "name in the source", nullable=True),
    Column("beta", "float64", "effect of one ALT allele", "trait units or log odds", nullable=True),
    Column("standard_error", "float64", "of beta", "as beta", nullable=True),
    Column("z_score", "float64", "beta / standard_error; missing when the source gives no sign", nullable=True),
    Column("neg_log10_p", "float64", "two-sided p-value", "-log10"),
    Column("alt_frequency", "float64", "ALT allele frequency", "0..1", nullable=True),
    Column("minor_allele_frequency", "float64", "known also where the ALT frequency is not", "0..0.5", nullable=True),
    Column("n_effective", "float64", "effective sample size", "people", nullable=True),
    Column("ref_verified", "bool", "REF equals the reference sequence; false where there is no sequence"),
)

CONTIGS = TableSchema(
    "contigs",
    (
        Column("contig", "string", "name in the FASTA"),
        Column("chromosome", "string", "canonical name"),
        Column("length", "int64", "of the sequence", "bases"),
    ),
    row="a sequence of the genome",
)

GENES = TableSchema(
    "genes",
    (
        Column("gene_id", "string", "Ensembl id without version"),
        Column("gene_symbol", "string", "display name"),
        Column("chromosome", "string", "without chr"),
        Column("start", "int64", "first base", "0-based"),
        Column("end", "int64", "exclusive", "0-based"),
        Column("strand", "string", "+ or -"),
        Column("tss", "int64", "transcription start", "1-based"),
        Column("gene_type", "string", "biotype, `unknown` when the GTF does not say"),
    ),
    row="a gene of the annotation",
)

EXONS = TableSchema(
    "exons",
    (
        Column("gene_id", "string", "Ensembl id without version"),
        Column("chromosome", "string", "without chr"),
        Column("start", "int64", "of the union of the gene's exons over its transcripts", "0-based"),
        Column("end", "int64", "exclusive", "0-based"),
    ),
    row="an exon of a gene, overlapping ones joined",
)

SUMSTATS = TableSchema("sumstats", _ASSOCIATION, row="a variant of a study")

QTL = TableSchema(
    "qtl",
    (
        *_ASSOCIATION,
        Column("gene_id", "string", "Ensembl id without version"),
        Column("phenotype_id", "string", "molecular trait: the gene, an intron cluster, a peak"),
        Column("tissue", "string", "tissue or cell type"),
    ),
    row="a variant and a molecular trait of a QTL set",
)

IMPORTED_VARIANTS = TableSchema(
    "imported_variants",
    (
        *(replace(column, nullable=True) if column.name == "neg_log10_p" else column for column in _ASSOCIATION),
        Column("pip", "float64", "posterior inclusion probability", "0..1"),
        Column("credible_set", "string", "the source's name of the credible set; missing outside", nullable=True),
        Column("region", "string", "the source's name of the fine-mapped region", nullable=True),
    ),
    row="a variant of a study that came fine-mapped",
)

DISPOSITIONS = TableSchema(
    "dispositions",
    (
        Column("row", "int64", "data row or record in the source", "1-based"),
        Column("source_variant", "string", "chromosome:position:other:effect as the source writes it"),
        Column("variant", "string", "key on the run's build", nullable=True),
        Column("disposition", "category", "what became of the row"),
        Column("kept", "bool", "whether the row is in the canonical table"),
    ),
    row="a data row of an input file",
)

HARMONIZATION_QC = TableSchema(
    "harmonization_qc",
    (
        Column("source", "string", "study or QTL set"),
        Column("kind", "string", "study, qtl or credible_sets"),
        Column("metric", "string", "a disposition, or a check"),
        Column("value", "float64", "rows, or the check's value", nullable=True),
        Column("status", "string", "ok, warning or dropped"),
        Column("detail", "string", "what it means"),
    ),
    row="a count or a check of an input file",
)

LOCI = TableSchema(
    "loci",
    (
        Column("locus", "string", "study, chromosome and bounds"),
        Column("study", "string", "study id"),
        Column("disease", "string", "disease or trait"),
        Column("chromosome", "string", "without chr"),
        Column("start", "int64", "first base", "0-based"),
        Column("end", "int64", "exclusive", "0-based"),
        Column("lead_variant", "string", "strongest variant"),
        Column("lead_neg_log10_p", "float64", "missing when credible sets came without", "-log10", True),
        Column("n_variants", "int64", "variants with statistics"),
        Column("n_leads", "int64", "independent-looking leads merged into the locus"),
        *_STATUS,
    ),
    row="a locus, also one that was not analysed; a study without any has one row that says so",
)

FINE_MAPPING = TableSchema(
    "fine_mapping",
    (
        Column("locus", "string", "locus id"),
        Column("study", "string", "study id"),
        Column("disease", "string", "disease or trait"),
        Column("method", "string", "susie, abf, lead, imported or none: what PIPs and primary signals come from"),
        Column("rung", "string", "full, fewer_effects, single_effect, lead_only, imported or none: what was claimed"),
        *_STATUS,
        Column("ld_verdict", "string", "PASS, WARN, FAIL, or NONE without LD"),
        Column("ld_reason", "string", "what the verdict rests on"),
        Column("n_variants", "int64", "variants with statistics"),
        Column("n_ld_variants", "int64", "of those, variants with LD"),
        Column("ld_posterior_mass", "float64", "single-effect posterior on variants with LD", "0..1", True),
        Column("sign_consistency", "float64", "associated pairs in LD whose z product has r's sign", "0..1", True),
        Column("ld_lambda", "float64", "LD mismatch: estimate_s_rss", "0..1", True),
        Column("null_space_lambda", "float64", "mean square of z outside the span of the LD panel", nullable=True),
        Column("n_ld_outliers", "int64", "DENTIST-S outliers", nullable=True),
        Column("n_flip_candidates", "int64", "variants whose alleles may be exchanged (kriging)", nullable=True),
        Column("flip_candidates", "string", "the first of them, separated by commas", nullable=True),
        Column("runaway_ratio", "float64", "largest prior variance over largest marginal effect", nullable=True),
        Column("max_signals", "int64", "effects that the fit was allowed", nullable=True),
        Column("n_signals", "int64", "primary signals"),
        Column("converged", "bool", "whether SuSiE converged", nullable=True),
        Column("n_iterations", "int64", "SuSiE sweeps", nullable=True),
        Column("engine", "string", "program and version", nullable=True),
    ),
    row="a locus: how it was fine-mapped, and whether the LD fits the statistics",
)

CREDIBLE_SETS = TableSchema(
    "credible_sets",
    (
        Column("locus", "string", "locus id"),
        Column("study", "string", "study id"),
        Column("disease", "string", "disease or trait"),
        *_KEY,
        Column("rsid", "string", "name in the source", nullable=True),
        Column("neg_log10_p", "float64", "marginal; missing when credible sets came without", "-log10", True),
        Column("z_score", "float64", "marginal: beta / standard_error of ALT in the study", nullable=True),
        Column(
            "pip",
            "float64",
            "posterior inclusion probability; with susie over the signals",
            "0..1",
            True,
        ),
        Column("posterior_mean", "float64", "effect of one ALT allele, over all effects of the fit", "as beta", True),
        Column("posterior_sd", "float64", "of posterior_mean", "as beta", True),
        Column("credible_set", "int64", "signal whose credible set holds the variant; missing outside", nullable=True),
        Column("r_lead", "float64", "LD with the lead variant", "signed r", True),
        Column("in_ld", "bool", "whether the cohort's LD covers the variant"),
        *_STATUS,
    ),
    row="a variant of a locus, with its posterior",
)

SIGNALS = TableSchema(
    "signals",
    (
        Column("locus", "string", "locus id"),
        Column("study", "string", "study id"),
        Column("disease", "string", "disease or trait"),
        Column("signal", "int64", "0: single effect over all variants; 1..: SuSiE effects with a credible set"),
        Column("method", "string", "abf, susie, lead, imported, or pip_only: imported without Bayes factors"),
        Column("primary", "bool", "whether ranking rests on this signal"),
        Column("lead_variant", "string", "highest posterior"),
        Column("log_bayes_factor", "float64", "of the effect; missing where only PIPs came", "natural log", True),
        Column("n_credible", "int64", "variants in the credible set; 0 for lead"),
        Column("coverage", "float64", "posterior mass in the set; missing for lead", "0..1", True),
        Column("purity", "float64", "smallest |r| between its variants; missing without LD", "0..1", True),
        *_STATUS,
    ),
    row="an independent signal of a locus",
)

SIGNAL_LBF = TableSchema(
    "signal_lbf",
    (
        Column("locus", "string", "locus id"),
        Column("signal", "int64", "signal of the locus"),
        *_KEY,
        Column("log_bayes_factor", "float64", "of the variant in that signal", "natural log"),
        Column(
            "effect_sign",
            "float64",
            "sign of the effect of ALT in that signal, beside all others; marginal for signal 0 and imported ones; "
            "missing when unsigned",
            "-1, +1",
            True,
        ),
    ),
    row="a variant in a signal of a locus",
)

_MOLECULAR_TRAIT = (
    Column("qtl", "string", "QTL set"),
    Column("tissue", "string", "tissue or cell type"),
    Column("gene_id", "string", "Ensembl id without version"),
    Column("phenotype_id", "string", "molecular trait"),
)

QTL_SIGNALS = TableSchema(
    "qtl_signals",
    (
        Column("locus", "string", "locus id"),
        *_MOLECULAR_TRAIT,
        Column("signal", "int64", "0: the trait was not parted into signals; 1..: SuSiE effects with a credible set"),
        Column("method", "string", "abf or susie"),
        Column("ld_verdict", "string", "PASS, WARN, FAIL, or NONE without LD"),
        Column("lead_variant", "string", "highest posterior of the signal"),
        Column("log_bayes_factor", "float64", "of the effect; missing without statistics", "natural log", True),
        Column("n_credible", "int64", "variants in the credible set"),
        Column("coverage", "float64", "posterior mass in the set; missing without statistics", "0..1", True),
        Column("purity", "float64", "smallest |r| between its variants; missing without LD", "0..1", True),
        *_STATUS,
    ),
    row="a signal of a molecular trait in a locus",
)

QTL_SIGNAL_LBF = TableSchema(
    "qtl_signal_lbf",
    (
        Column("locus", "string", "locus id"),
        *_MOLECULAR_TRAIT,
        Column("signal", "int64", "1..: SuSiE effect of the molecular trait"),
        *_KEY,
        Column("log_bayes_factor", "float64", "of the variant in that signal", "natural log"),
        Column("effect_sign", "float64", "sign of the effect of ALT in that signal, beside all others", "-1, +1", True),
    ),
    row="a variant in a signal of a molecular trait",
)

QTL_SIGNAL_LD = TableSchema(
    "qtl_signal_ld",
    (
        Column("locus", "string", "locus id"),
        *_MOLECULAR_TRAIT,
        Column("first_signal", "int64", "signal of the molecular trait"),
        Column("second_signal", "int64", "another one, with a larger number"),
        Column("r", "float64", "between their lead variants, per ALT allele", "signed r"),
    ),
    row="a pair of signals of one molecular trait",
)

COLOCALIZATION = TableSchema(
    "colocalization",
    (
        Column("locus", "string", "locus id"),
        Column("study", "string", "study id"),
        Column("disease", "string", "disease or trait"),
        Column("signal", "int64", "signal of the locus"),
        Column("primary", "bool", "whether ranking rests on this pair of signals"),
        Column("qtl", "string", "QTL set"),
        Column("qtl_type", "string", "eqtl, sqtl, pqtl or caqtl"),
        Column("tissue", "string", "tissue or cell type"),
        Column("gene_id", "string", "Ensembl id without version"),
        Column("phenotype_id", "string", "molecular trait"),
        Column("qtl_signal", "int64", "signal of the molecular trait; 0: single effect over all variants"),
        Column("method", "string", "susie, abf, or lead_overlap for QTL sets that list only significant variants"),
        Column("n_shared", "int64", "variants with both statistics"),
        Column("qtl_neg_log10_p", "float64", "strongest QTL association among them", "-log10", True),
        Column("posterior_h0", "float64", "no association", "0..1", True),
        Column("posterior_h1", "float64", "GWAS only", "0..1", True),
        Column("posterior_h2", "float64", "QTL only", "0..1", True),
        Column("posterior_h3", "float64", "two distinct causal variants", "0..1", True),
        Column("posterior_h4", "float64", "one shared causal variant", "0..1", True),
        Column("p12_low", "float64", "smallest prior p12 with H4 above the threshold", nullable=True),
        Column("p12_high", "float64", "largest such p12, at most min(p1, p2)", nullable=True),
        Column(
            "prior_sensitive", "bool", "H4 is above the threshold, but not for all p12 from 1e-6 to 1e-5", nullable=True
        ),
        Column("clpp", "float64", "sum over variants of the product of the two posteriors", "0..1", True),
        Column("shared_variant", "string", "most probable shared causal variant", nullable=True),
        Column("shared_variant_posterior", "float64", "given H4", "0..1", True),
        Column("direction", "float64", "+1: more of the molecular trait goes with more of the disease", "-1, +1", True),
        Column("n_genes_sharing", "int64", "genes with H4 above the threshold for this disease signal", nullable=True),
        Column("n_signals_sharing", "int64", "disease signals of the study that this QTL signal shares", nullable=True),
        Column(
            "flag",
            "string",
            "sentence: the pair shares with too much to tell anything; missing when not",
            nullable=True,
        ),
        *_STATUS,
    ),
    row="a signal of a locus and a signal of a molecular trait, also pairs that could not be tested",
)

COLOCALIZED_VARIANTS = TableSchema(
    "colocalized_variants",
    (
        Column("locus", "string", "locus id"),
        Column("signal", "int64", "signal of the locus"),
        *_MOLECULAR_TRAIT,
        Column("qtl_signal", "int64", "signal of the molecular trait"),
        *_KEY,
        Column("posterior", "float64", "that the variant is the shared causal one, given H4", "0..1"),
    ),
    row="a variant that a colocalized pair of signals may share",
)

CIS_EFFECTS = TableSchema(
    "cis_effects",
    (
        Column("disease", "string", "disease or trait"),
        Column("study", "string", "study id"),
        Column("locus", "string", "locus id"),
        Column("qtl_type", "string", "eqtl, sqtl, pqtl or caqtl"),
        *_MOLECULAR_TRAIT,
        Column("posterior_h4", "float64", "of the best colocalization of the pair", "0..1", True),
        Column("method", "string", "wald_ratio, cis_ivw, or none"),
        Column("n_instruments", "int64", "leads of the molecular trait's signals"),
        Column("instruments", "string", "their keys, separated by commas", nullable=True),
        Column("estimate", "float64", "of the disease per unit of the molecular trait", "beta per unit", True),
        Column("standard_error", "float64", "of the estimate", "as estimate", True),
        Column("neg_log10_p", "float64", "two-sided, of the estimate", "-log10", True),
        Column("min_f_statistic", "float64", "weakest instrument: (beta / standard_error)^2", nullable=True),
        Column("q_statistic", "float64", "heterogeneity between instruments", nullable=True),
        Column("q_neg_log10_p", "float64", "of the heterogeneity", "-log10", True),
        Column("steiger_correct", "bool", "instruments explain more of the molecular trait", nullable=True),
        Column("steiger_neg_log10_p", "float64", "of that difference", "-log10", True),
        Column("remark", "string", "what to know about the choice of instruments", nullable=True),
        *_STATUS,
    ),
    row="a molecular trait that colocalizes with a disease, and its estimated effect on the disease",
)

GENE_DIRECTIONS = TableSchema(
    "gene_directions",
    (
        Column("disease", "string", "disease or trait"),
        Column("gene_id", "string", "Ensembl id without version"),
        Column("gene_symbol", "string", "display name"),
        Column("direction", "float64", "+1: more gene activity, more disease; missing when unknown", "-1, +1", True),
        Column(
            "reliability",
            "string",
            "consistent: several clear tests agree; single: one; conflicting; unsure: none is clear",
        ),
        Column("estimate", "float64", "of the disease per unit of the gene, best test", "beta per unit", True),
        Column("standard_error", "float64", "of the estimate", "as estimate", True),
        Column("neg_log10_p", "float64", "of the estimate", "-log10", True),
        Column("n_tests", "int64", "tissues and traits with an estimate"),
        Column("n_agree", "int64", "of those, with the same sign as the direction"),
        Column("locus", "string", "locus of the best test"),
        Column("qtl", "string", "QTL set of the best test"),
        Column("tissue", "string", "tissue of the best test"),
        Column("statement", "string", "sentence for people"),
    ),
    row="a gene and a disease: whether more of the one goes with more of the other",
)

TRAIT_EFFECTS = TableSchema(
    "trait_effects",
    (
        Column("exposure", "string", "study id"),
        Column("outcome", "string", "study id"),
        Column("method", "string", "estimator; egger_intercept: of the line; steiger: test of the direction only"),
        Column("n_instruments", "int64", "variants used"),
        Column("estimate", "float64", "of the outcome per unit of the exposure", "beta per unit", True),
        Column("standard_error", "float64", "of the estimate", "as estimate", True),
        Column("confidence_low", "float64", "95 %", "as estimate", True),
        Column("confidence_high", "float64", "95 %", "as estimate", True),
        Column("neg_log10_p", "float64", "two-sided", "-log10", True),
        Column("q_statistic", "float64", "heterogeneity between instruments around the estimate", nullable=True),
        Column("q_df", "int64", "its degrees of freedom", nullable=True),
        Column("q_neg_log10_p", "float64", "of the heterogeneity", "-log10", True),
        Column("r2_exposure", "float64", "variance of the exposure that the instruments explain", "0..1", True),
        Column("r2_outcome", "float64", "variance of the outcome that they explain", "0..1", True),
        Column("direction_correct", "bool", "they explain more of the exposure", nullable=True),
        Column("remark", "string", "what to know when reading the row", nullable=True),
        *_STATUS,
    ),
    row="an estimator of the effect of one study's trait on another's",
)

TRAIT_INSTRUMENTS = TableSchema(
    "trait_instruments",
    (
        Column("exposure", "string", "study id"),
        Column("outcome", "string", "study id"),
        *_KEY,
        Column("exposure_beta", "float64", "per ALT allele", "trait units or log odds", True),
        Column("exposure_se", "float64", "of exposure_beta", "as exposure_beta", True),
        Column("exposure_neg_log10_p", "float64", "two-sided", "-log10"),
        Column("outcome_beta", "float64", "per ALT allele", "trait units or log odds", True),
        Column("outcome_se", "float64", "of outcome_beta", "as outcome_beta", True),
        Column("f_statistic", "float64", "(beta / standard_error)^2 of the exposure", "", True),
        Column("wald_ratio", "float64", "outcome_beta / exposure_beta", "outcome per exposure", True),
        Column("wald_se", "float64", "outcome_se / |exposure_beta|", "as wald_ratio", True),
        Column("radial_q", "float64", "contribution to Cochran's Q of radial IVW", "", True),
        Column("radial_outlier", "bool", "Q beyond chance after correction for the number of instruments", "", True),
        Column("leave_one_out", "float64", "IVW estimate without the variant", "as wald_ratio", True),
        Column("leave_one_out_se", "float64", "its standard error", "as wald_ratio", True),
        *_STATUS,
    ),
    row="a variant associated with the exposure, and what became of it",
)

PRIOR_WEIGHTS = TableSchema(
    "prior_weights",
    (
        Column("locus", "string", "locus id"),
        *_KEY,
        Column(
            "prior_weight", "float64", "prior probability of the variant, from other chromosomes; sums to 1", "0..1"
        ),
    ),
    row="a variant of a locus",
)

PRIOR_ENRICHMENT = TableSchema(
    "prior_enrichment",
    (
        Column("feature", "string", "annotation or sequence score"),
        Column("left_out", "string", "chromosome that the fit did not see; `none`: all loci"),
        Column("kind", "string", "fitted, or permuted: the same fit with the scores shuffled within loci"),
        Column("theta", "float64", "change of log prior per standard deviation or for having the annotation"),
        Column("standard_error", "float64", "jackknife over chromosomes", nullable=True),
        Column("n_loci", "int64", "loci behind the fit"),
        Column("n_variants", "int64", "rows of all loci, one per variant and locus"),
        Column("n_unknown", "int64", "of those, rows at which the feature is not known and says nothing"),
        Column(
            "held_out_gain",
            "float64",
            "log evidence of the left-out loci against equal weights; of all chromosomes in turn with `none`",
            "natural log",
        ),
        *_STATUS,
    ),
    row="a feature in one fit of the functional prior",
)

PRIOR_EFFECTS = TableSchema(
    "prior_effects",
    (
        Column("locus", "string", "locus id"),
        Column("study", "string", "study id"),
        Column("disease", "string", "disease or trait"),
        *_KEY,
        Column("prior_weight", "float64", "times the number of variants: 1 is uniform"),
        Column("pip_uniform", "float64", "with equal prior weights", "0..1", True),
        Column("pip_functional", "float64", "with fitted prior weights", "0..1", True),
        Column("log_evidence_ratio", "float64", "of the locus: functional against uniform prior", "natural log", True),
        *_STATUS,
    ),
    row="a variant of a locus, fine-mapped with both priors",
)

ENGINE_CROSSCHECK = TableSchema(
    "engine_crosscheck",
    (
        Column("locus", "string", "locus id"),
        Column("study", "string", "study id"),
        Column("engine", "string", "that the run used"),
        Column("other_engine", "string", "that the locus was fitted with again"),
        Column("n_ld_variants", "int64", "variants in the fit"),
        Column("max_pip_difference", "float64", "largest over the variants", "0..1", True),
        Column("same_credible_sets", "bool", "whether both give the same sets", nullable=True),
        Column("n_iterations", "int64", "sweeps of the run's engine", nullable=True),
        Column("other_n_iterations", "int64", "sweeps of the other", nullable=True),
        *_STATUS,
    ),
    row="a locus that both fine-mapping engines fitted",
)

SCORED_VARIANTS = TableSchema(
    "scored_variants",
    (
        *_KEY,
        Column("max_pip", "float64", "largest PIP in any study", "0..1"),
    ),
    row="a variant that the sequence models score",
)

MUTAGENESIS_WINDOWS = TableSchema(
    "mutagenesis_windows",
    (
        Column("locus", "string", "locus id"),
        *_KEY,
        Column("pip", "float64", "of the centre variant in the locus", "0..1"),
    ),
    row="a variant around which saturation mutagenesis is done",
)

VARIANT_EFFECTS = TableSchema(
    "variant_effects",
    (
        Column("variant", "string", "chromosome:position:ref:alt"),
        Column("gene_id", "string", "gene the score is about; missing for local scores", nullable=True),
        Column("model", "string", "row of models.tsv"),
        Column("track", "string", "motif, assay or cell type", nullable=True),
        Column("track_group", "string", "transcription factor family or assay group", nullable=True),
        Column("scorer", "string", "named score"),
        Column("largest", "bool", "the effect of largest size among tracks and genes; one per variant and score"),
        Column("mask", "string", "output bins that the score reads, `exons` for example; empty: all"),
        Column("value", "float32", "ALT against REF", nullable=True),
        Column("background_quantile", "float64", "of the value's size among background variants", "0..1", True),
        Column(
            "coverage", "float32", "share of the mask inside the model's output; missing without a mask", "0..1", True
        ),
        Column("window_offset", "int64", "from the center of the window that was read to the variant", "bases", True),
        Column("detail", "string", "for example p-values of both alleles", nullable=True),
        *_STATUS,
    ),
    row="a score of a variant, by model, track and gene",
)

SCORE_BACKGROUND = TableSchema(
    "score_background",
    (
        Column("model", "string", "row of models.tsv"),
        Column("scorer", "string", "named score"),
        Column("mask", "string", "output bins that the score reads; empty: all"),
        Column("formula", "string", "of the score, with its version and averaging policy"),
        Column("track", "string", "missing for the score of the largest size among tracks and genes", nullable=True),
        Column("probability", "float64", "share of background variants", "0..1"),
        Column("size", "float32", "absolute value that at least this share does not exceed"),
        Column("n_variants", "int64", "background variants"),
        Column("model_sha256", "string", "of weights, settings and formulas: scores compare only with their own"),
    ),
    row="a quantile of a score among background variants",
)

MODEL_SCORES = TableSchema(
    "model_scores",
    (
        Column("model", "string", "row of models.tsv"),
        Column("kind", "string", "what the model predicts"),
        Column("scorer", "string", "named score"),
        Column("mask", "string", "output bins that the score reads; empty: all"),
        Column("formula", "string", "with its version, transform, and policy for strands, shifts and replicates"),
        Column("n_tracks", "int64", "outputs that are scored"),
        Column("window_bp", "int64", "of the model's input", "bases"),
        Column("weights_sha256", "string", "of all files that decide predictions"),
        Column("licence", "string", "of the weights"),
        Column("citation", "string", "of the model"),
    ),
    row="a score that a sequence model gives",
)

ATTRIBUTION = TableSchema(
    "attribution",
    (
        Column("locus", "string", "locus id"),
        Column("variant", "string", "variant at the centre of the window"),
        Column("model", "string", "row of models.tsv"),
        Column("chromosome", "string", "without chr"),
        Column("position", "int64", "of the base", "1-based"),
        Column("ref", "string", "reference base"),
        Column("attribution", "float32", "minus the mean change of the three substitutions, in the score's unit"),
    ),
    row="a base of a window of saturation mutagenesis",
)

MOTIF_HITS = TableSchema(
    "motif_hits",
    (
        Column("locus", "string", "locus id"),
        Column("variant", "string", "variant at the centre of the window"),
        Column("model", "string", "row of models.tsv whose attribution the motif explains"),
        Column("motif", "string", "name and id"),
        Column("motif_family", "string", "transcription factor family"),
        Column("chromosome", "string", "without chr"),
        Column("start", "int64", "of the word on the reference", "0-based"),
        Column("end", "int64", "exclusive", "0-based"),
        Column("strand", "string", "+ or -"),
        Column("neg_log10_p", "float64", "of the match for one random word"),
        Column("attribution_share", "float64", "of the window's total absolute attribution under the word", "0..1"),
        Column("shift_p", "float64", "share of circular shifts of the attribution with as much under the word", "0..1"),
        Column("holds_variant", "bool", "the word overlaps the REF allele of the variant"),
    ),
    row="a motif that explains the attribution of a window",
)

MUTAGENESIS = TableSchema(
    "mutagenesis",
    (
        Column("locus", "string", "locus id"),
        Column("variant", "string", "variant at the centre of the window"),
        Column("model", "string", "row of models.tsv"),
        Column("chromosome", "string", "without chr"),
        Column("position", "int64", "of the changed base", "1-based"),
        Column("ref", "string", "reference base", nullable=True),
        Column("alt", "string", "new base", nullable=True),
        Column("track", "string", "track with the largest change", nullable=True),
        Column("gene_id", "string", "gene the score is about; missing for local scores", nullable=True),
        Column("scorer", "string", "named score", nullable=True),
        Column("value", "float32", "change against the reference sequence", nullable=True),
        *_STATUS,
    ),
    row="a substitution in a window of saturation mutagenesis",
)

EVIDENCE = TableSchema(
    "evidence",
    (
        Column("disease", "string", "disease or trait"),
        Column("locus", "string", "locus id"),
        Column("gene_id", "string", "Ensembl id without version"),
        Column("gene_symbol", "string", "display name"),
        Column("source", "string", "kind of evidence: row group of the weights table"),
        Column("value", "float64", "in the source's own unit", nullable=True),
        Column("unit", "string", "of the value"),
        Column("log_odds", "float64", "log likelihood ratio for the gene, weighted by context", "natural log"),
        Column("log_odds_unweighted", "float64", "the same with every context counted alike", "natural log"),
        Column("direction", "float64", "+1: more gene activity, more disease; missing when unknown", "-1, +1", True),
        Column("variants", "string", "supporting variants, separated by commas", nullable=True),
        Column("top_variant", "string", "the first of them as people read it: rsID, key and PIP", nullable=True),
        Column("context", "string", "tissue, cell type or track", nullable=True),
        Column("detail", "string", "sentence for people"),
        *_STATUS,
    ),
    row="what one source says about one candidate gene of a locus, also where it says nothing and why",
)

LOCUS_GENES = TableSchema(
    "locus_genes",
    (
        Column("disease", "string", "disease or trait"),
        Column("locus", "string", "locus id"),
        Column("locus_rank", "int64", "1 is the most probable candidate of the locus"),
        Column("gene_id", "string", "Ensembl id, or `none`: the target is none of these genes"),
        Column("gene_symbol", "string", "display name"),
        Column("probability", "float64", "that the gene is the target of the locus", "0..1"),
        Column("probability_local", "float64", "the same without convergence across loci", "0..1"),
        Column("probability_unweighted", "float64", "the same with every context counted alike", "0..1"),
        Column("log_odds", "float64", "sum of the parts", "natural log"),
        Column("direction", "float64", "+1: more gene activity, more disease; missing when unknown", "-1, +1", True),
        Column("variants", "string", "supporting variants, separated by commas", nullable=True),
        Column("contexts", "string", "tissues and cell types, separated by commas", nullable=True),
        Column("parts", "string", "source=log odds, separated by semicolons"),
        _NAMED,
        Column("mechanism", "string", "variant to gene to disease in one sentence"),
        *_VERDICT,
    ),
    row="a candidate gene of a locus, or none of them, with its probability",
)

RANKED_GENES = TableSchema(
    "ranked_genes",
    (
        Column("disease", "string", "disease or trait"),
        Column("gene_rank", "int64", "1 is best within the disease"),
        Column("gene_id", "string", "Ensembl id without version"),
        Column("gene_symbol", "string", "display name"),
        Column("probability", "float64", "that the gene is the target of at least one locus", "0..1"),
        Column("probability_local", "float64", "the same without convergence across loci", "0..1"),
        Column("probability_unweighted", "float64", "the same with every context counted alike", "0..1"),
        Column("best_locus", "string", "locus with the highest probability"),
        Column("n_loci", "int64", "loci of the disease with the gene as a candidate"),
        Column("direction", "float64", "+1: more gene activity, more disease; missing when unknown", "-1, +1", True),
        Column("variants", "string", "supporting variants at the best locus", nullable=True),
        Column("contexts", "string", "tissues and cell types at the best locus", nullable=True),
        Column("parts", "string", "source=log odds at the best locus, separated by semicolons"),
        _NAMED,
        Column("mechanism", "string", "variant to gene to disease in one sentence"),
        *_VERDICT,
    ),
    row="a candidate gene of a disease, at its best locus",
)

CONTEXT_ENRICHMENT = TableSchema(
    "context_enrichment",
    (
        Column("disease", "string", "disease or trait"),
        Column("kind", "string", "open_chromatin, enhancer_gene_link, or qtl"),
        Column("context", "string", "cell type, tissue or element set, as the annotation names it"),
        Column("n_loci", "int64", "loci that the comparison rests on"),
        Column("observed", "float64", "PIP mass in the context, for tissues H4, summed over loci", nullable=True),
        Column("expected", "float64", "mean over matched background sets", nullable=True),
        Column("background_sd", "float64", "standard deviation over matched background sets", nullable=True),
        Column("fold", "float64", "observed / expected, each plus one pseudo-count of 0.5", nullable=True),
        Column("p_value", "float64", "one-sided, of so much mass in matched background", "0..1", True),
        Column("q_value", "float64", "Benjamini-Hochberg over the disease's contexts of the kind", "0..1", True),
        Column("relevance", "float64", "factor of the evidence of this context", "0..1"),
        *_STATUS,
    ),
    row="a cell type, a tissue or a set of elements that a disease was compared in",
)

CONVERGENCE = TableSchema(
    "convergence",
    (
        Column("disease", "string", "disease or trait"),
        Column("gene_id", "string", "Ensembl id without version"),
        Column("gene_symbol", "string", "display name"),
        Column("chromosome", "string", "without chr; nothing on it was used for the gene"),
        Column("strongest", "float64", "log(1 + largest z of the gene's sets), from the other chromosomes"),
        Column("gene_set", "string", "identifier of that set", nullable=True),
        Column("gene_set_name", "string", "its title", nullable=True),
        Column("partners", "string", "genes of the set at other loci, heaviest first: symbol (weight)", nullable=True),
        *_STATUS,
    ),
    row="a candidate gene: what the disease's loci on other chromosomes say about its gene sets",
)

LOCUS_CLASSES = TableSchema(
    "locus_classes",
    (
        Column("disease", "string", "disease or trait"),
        Column("locus", "string", "locus id"),
        Column("locus_class", "string", "clear, contested, no_local_evidence, or not_ranked"),
        Column("n_candidates", "int64", "competing genes"),
        Column("n_named", "int64", "of them, genes that more than distance speaks for"),
        Column(
            "top_gene",
            "string",
            "most probable gene; several with equal probability are joined by commas",
            nullable=True,
        ),
        Column("top_probability", "float64", "that the most probable gene is the target", "0..1", True),
        Column("margin", "float64", "top_probability less the probability of the next gene", "0..1", True),
        Column("none_probability", "float64", "that the target is none of the candidates", "0..1", True),
        Column("abstains", "bool", "the locus is not clear: the run names no target"),
        *_STATUS,
    ),
    row="a locus: whether one gene leads, several compete, or nothing but distance speaks",
)

TARGETS = TableSchema(
    "targets",
    (
        *RANKED_GENES.columns,
        Column("modulation", "string", "what a drug would have to do: inhibit, activate or unknown"),
        Column("modulation_reliability", "string", "high, moderate, low, or none when unknown"),
        Column("modulation_reason", "string", "sentence: what the direction rests on"),
        Column(
            "other_diseases", "string", "other diseases of the run with their probability, highest first", nullable=True
        ),
        Column("n_other_diseases", "int64", "of them, those at or above the configured probability"),
        Column("tractability", "string", "as the run's annotation says; never evidence", nullable=True),
        Column("known_drugs", "string", "as the run's annotation says; never evidence", nullable=True),
        Column("safety_constraint", "string", "as the run's annotation says; never evidence", nullable=True),
    ),
    row="a candidate gene of a disease, at its best locus, with what a drug would meet",
)

GENE_SET_ENRICHMENT = TableSchema(
    "gene_set_enrichment",
    (
        Column("disease", "string", "disease or trait"),
        Column("gene_set", "string", "identifier in the source"),
        Column("gene_set_name", "string", "title"),
        Column("source", "string", "database or file"),
        Column("n_genes", "int64", "members in the gene annotation"),
        Column("n_loci", "int64", "independent loci with a member among their candidates"),
        Column(
            "observed",
            "float64",
            "summed probability of the members, each at its best locus, at most one per locus",
            nullable=True,
        ),
        Column("expected", "float64", "mean over permutations within loci", nullable=True),
        Column("fold", "float64", "observed / expected", nullable=True),
        Column("p_value", "float64", "(1 + permutations at least as large) / (1 + permutations)", "0..1", True),
        Column("q_value", "float64", "Benjamini-Hochberg over the disease's tested sets", "0..1", True),
        Column(
            "genes", "string", "members among the candidates, most probable first: symbol (probability)", nullable=True
        ),
        *_STATUS,
    ),
    row="a gene set that was tested for a disease, or why it was not",
)

REGULATORS = TableSchema(
    "regulators",
    (
        Column("disease", "string", "disease or trait"),
        Column("regulator", "string", "factors of the family whose motifs change, at most three, joined by /"),
        Column("family", "string", "look-alike motifs, what is tested", nullable=True),
        Column("n_variants", "int64", "scored variants of the disease"),
        Column("observed", "float64", "share of the PIP on variants that change a motif of the family", nullable=True),
        Column(
            "expected", "float64", "mean with PIPs dealt anew among the scored variants of each locus", nullable=True
        ),
        Column("background_sd", "float64", "standard deviation over the deals", nullable=True),
        Column("z_score", "float64", "(observed - expected) / background_sd", nullable=True),
        Column("p_value", "float64", "(1 + deals at least as large) / (1 + deals)", "0..1", True),
        Column("q_value", "float64", "Benjamini-Hochberg over the disease's tested factors", "0..1", True),
        Column("variants", "string", "variants that contribute most, separated by commas", nullable=True),
        *_STATUS,
    ),
    row="a family of motifs that was tested for a disease, or why it was not",
)

NETWORK_EDGES = TableSchema(
    "network_edges",
    (
        Column("disease", "string", "disease or trait"),
        Column("from_kind", "string", "regulator or gene"),
        Column("from_name", "string", "factor or gene symbol"),
        Column("to_kind", "string", "gene or gene_set"),
        Column("to_name", "string", "gene symbol or title of the set"),
        Column("weight", "float64", "PIP mass of the variants (regulator to gene), probability (gene to set)", "0..1"),
        Column("variants", "string", "variants behind the edge, separated by commas", nullable=True),
        Column("detail", "string", "sentence for people"),
    ),
    row="a line of the network of regulators, target genes and pathways",
)
