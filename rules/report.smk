"""Report: figures per locus, and one self-contained page per run."""


rule plot_locus:
    """Draw association, PIP and genes of each locus of a disease."""
    input:
        loci=rules.assemble_evidence.input.loci,
        credible_sets=rules.assemble_evidence.input.credible_sets,
        fine_mapping=rules.assemble_evidence.input.fine_mapping,
        genes=rules.annotate_genes.output.genes,
        exons=rules.annotate_genes.output.exons,
        locus_genes=rules.rank_genes.output.locus_genes,
    output:
        figures=report(
            directory("results/plot_locus/{disease}"),
            patterns=["{locus}.svg"],
            caption="../workflow/report/locus.rst",
            category="Loci",
            subcategory="{disease}",
            labels={"locus": "{locus}"},
        ),
    log:
        "logs/plot_locus/{disease}.log",
    benchmark:
        "logs/benchmarks/plot_locus/{disease}.tsv"
    conda:
        "../envs/report.yaml"
    params:
        settings=pick(config["report"], "loci_per_disease"),
        library=library("plot_locus"),
    message:
        "Drawing loci of {wildcards.disease}"
    script:
        "../workflow/scripts/plot_locus.py"


rule render_report:
    """Write the self-contained HTML page of the run."""
    input:
        harmonization_qc=[
            *collect(rules.harmonize_sumstats.output.qc, study=STUDIES),
            *collect(rules.import_credible_sets.output.qc, study=IMPORTED),
            *collect(rules.harmonize_qtl.output.qc, qtl=QTLS),
        ],
        loci=rules.assemble_evidence.input.loci,
        fine_mapping=rules.assemble_evidence.input.fine_mapping,
        credible_sets=rules.assemble_evidence.input.credible_sets,
        signals=rules.assemble_evidence.input.signals,
        colocalization=rules.assemble_evidence.input.colocalization,
        crosscheck=rules.crosscheck_loci.output.crosscheck,
        prior_enrichment=PRIOR_ENRICHMENT,
        prior_effects=PRIOR_EFFECTS,
        cis_effects=rules.assemble_evidence.input.cis_effects,
        gene_directions=rules.tabulate_directions.output.gene_directions,
        variant_effects=VARIANT_EFFECTS,
        model_scores=collect(rules.sample_background.output.model_scores, model=MODELS),
        mutagenesis=mutagenesis(),
        attribution=mutagenesis("attribution"),
        motif_hits=mutagenesis("motif_hits"),
        genes=rules.annotate_genes.output.genes,
        exons=rules.annotate_genes.output.exons,
        evidence=collect(rules.rank_genes.output.evidence, disease=DISEASES),
        locus_genes=collect(rules.rank_genes.output.locus_genes, disease=DISEASES),
        locus_classes=collect(rules.rank_genes.output.locus_classes, disease=DISEASES),
        targets=collect(rules.annotate_targets.output.targets, disease=DISEASES),
        contexts=collect(rules.enrich_contexts.output.enrichment, disease=DISEASES),
        gene_sets=collect(rules.enrich_gene_sets.output.enrichment, disease=DISEASES),
        regulators=collect(rules.enrich_regulators.output.regulators, disease=DISEASES),
        networks=collect(rules.draw_network.output.figure, disease=DISEASES),
        qtl=collect(rules.harmonize_qtl.output.qtl_table, qtl=QTLS),
        annotations=context_files,
        review=config["report"]["review"] or [],
    output:
        # Not an item of Snakemake's report, whose single-file form shows pages of more than 1.5 MB blank.
        report="results/render_report/report.html",
        explorer="results/render_report/explorer.html",
        summary="results/render_report/summary.json",
        qc_table=report(
            "results/render_report/quality_control.html",
            caption="../workflow/report/quality_control.rst",
            category="Quality control",
            labels={"content": "Input rows and loci"},
        ),
        ranked_tables=report(
            collect("results/render_report/{disease}.ranked.html", disease=DISEASES),
            caption="../workflow/report/ranked_genes.rst",
            category="Ranked genes",
        ),
    log:
        "logs/render_report/render_report.log",
    benchmark:
        "logs/benchmarks/render_report.tsv"
    conda:
        "../envs/report.yaml"
    params:
        settings=lookup(dpath="report", within=config),
        run=RUN_FACTS,
        qtls=QTLS,
        annotations=pick(config["annotations"], "open_chromatin", "enhancer_gene_links"),
        library=library("render_report"),
    message:
        "Rendering the report"
    script:
        "../workflow/scripts/render_report.py"
