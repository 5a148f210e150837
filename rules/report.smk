"""Report: figures per locus, one self-contained page per run, small pages and a folder of results to send."""


rule plot_locus:
    """Draw association, PIP and genes of each locus of a disease, as SVG and PNG."""
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
        loci=ALL_LOCI,
        fine_mapping=all_batches("fine_mapping"),
        credible_sets=all_batches("credible_sets"),
        signals=all_batches("signals"),
        colocalization=collect(
            rules.colocalize_loci.output.colocalization, batch=BATCHES
        ),
        crosscheck=rules.crosscheck_loci.output.crosscheck,
        prior_enrichment=PRIOR_ENRICHMENT,
        prior_effects=PRIOR_EFFECTS,
        cis_effects=collect(
            rules.estimate_cis_effects.output.cis_effects, batch=BATCHES
        ),
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
        summary="results/render_report/summary.json",
        qc_table=report(
            "results/render_report/quality_control.html",
            caption="../workflow/report/quality_control.rst",
            category="Quality control",
            labels={"content": "Input rows and loci"},
        ),
        ranked_tables=[
            report(
                f"results/render_report/{disease}.ranked.html",
                caption="../workflow/report/ranked_genes.rst",
                category="Ranked genes",
                labels={"disease": disease, "form": "page"},
            )
            for disease in DISEASES
        ],
    log:
        "logs/render_report/render_report.log",
    benchmark:
        "logs/benchmarks/render_report.tsv"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory_for_variants,
    params:
        settings=pick(config["report"], "title", "review"),
        run=RUN_FACTS,
        qtls=QTLS,
        annotations=pick(config["annotations"], "open_chromatin", "enhancer_gene_links"),
        library=library("render_report"),
    message:
        "Rendering the report"
    script:
        "../workflow/scripts/render_report.py"


rule tabulate_findings:
    """Write what the loci of a disease say together as small pages, for Snakemake's report."""
    input:
        contexts=rules.enrich_contexts.output.enrichment,
        gene_sets=rules.enrich_gene_sets.output.enrichment,
        regulators=rules.enrich_regulators.output.regulators,
        gene_directions=rules.tabulate_directions.output.gene_directions,
    output:
        contexts=report(
            "results/tabulate_findings/{disease}.contexts.html",
            caption="../workflow/report/contexts.rst",
            category="Cell types and tissues",
            labels={"disease": "{disease}", "form": "page"},
        ),
        gene_sets=report(
            "results/tabulate_findings/{disease}.gene_sets.html",
            caption="../workflow/report/gene_sets.rst",
            category="Pathways and regulators",
            subcategory="Gene sets",
            labels={"disease": "{disease}", "form": "page"},
        ),
        regulators=report(
            "results/tabulate_findings/{disease}.regulators.html",
            caption="../workflow/report/regulators.rst",
            category="Pathways and regulators",
            subcategory="Transcription factors",
            labels={"disease": "{disease}", "form": "page"},
        ),
        directions=report(
            "results/tabulate_findings/{disease}.directions.html",
            caption="../workflow/report/gene_directions.rst",
            category="Mendelian randomization",
            subcategory="Genes on diseases",
            labels={"disease": "{disease}", "form": "page"},
        ),
    log:
        "logs/tabulate_findings/{disease}.log",
    benchmark:
        "logs/benchmarks/tabulate_findings/{disease}.tsv"
    conda:
        "../envs/report.yaml"
    params:
        library=library("tabulate_findings"),
    message:
        "Tabulating findings of {wildcards.disease}"
    script:
        "../workflow/scripts/tabulate_findings.py"


rule export_results:
    """Put report, tables per disease, figures and a README of columns into one folder to send."""
    input:
        targets=rules.render_report.input.targets,
        locus_classes=rules.render_report.input.locus_classes,
        locus_genes=rules.render_report.input.locus_genes,
        evidence=rules.render_report.input.evidence,
        loci=rules.render_report.input.loci,
        fine_mapping=rules.render_report.input.fine_mapping,
        signals=rules.render_report.input.signals,
        credible_sets=rules.render_report.input.credible_sets,
        colocalization=rules.render_report.input.colocalization,
        cis_effects=rules.render_report.input.cis_effects,
        gene_directions=[rules.render_report.input.gene_directions],
        contexts=rules.render_report.input.contexts,
        gene_sets=rules.render_report.input.gene_sets,
        regulators=rules.render_report.input.regulators,
        network=collect(rules.draw_network.output.edges, disease=DISEASES),
        networks=[
            *collect(rules.draw_network.output.figure, disease=DISEASES),
            *collect(rules.draw_network.output.figure_png, disease=DISEASES),
        ],
        locus_figures=collect(rules.plot_locus.output.figures, disease=DISEASES),
        report=rules.render_report.output.report,
        summary=rules.render_report.output.summary,
    output:
        readme=report(
            "results/export_results/README.md",
            caption="../workflow/report/result_files.rst",
            category="Files",
            labels={"content": "README of all columns (Markdown)"},
        ),
        sums="results/export_results/SHA256SUMS",
        report=in_zip_form(
            "results/export_results/report.html",
            caption="../workflow/report/interactive.rst",
            category="Interactive report",
            labels={"content": "Everything, with links"},
        ),
        summary="results/export_results/summary.json",
        tables=directory("results/export_results/tables"),
        figures=directory("results/export_results/figures"),
    log:
        "logs/export_results/export_results.log",
    benchmark:
        "logs/benchmarks/export_results.tsv"
    conda:
        "../envs/report.yaml"
    params:
        diseases=DISEASES,
        run_name=config["run_name"],
        build=config["genome"]["build"],
        library=library("export_results"),
    message:
        "Collecting the results in results/export_results"
    script:
        "../workflow/scripts/export_results.py"
