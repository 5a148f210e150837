"use strict";
// One disease: its ranked genes and its loci as tables.
(() => {
  const { el } = L2T.dom;
  const F = L2T.format;
  const { make, textColumn, numberColumn, evidenceBar, escaped } = L2T.grid;
  const link = L2T.router.link;
  const CLASSES = {
    clear: "one gene reaches the configured probability, and more than distance speaks for it",
    contested: "more than distance speaks for some candidate, but no gene is settled on",
    no_local_evidence: "only distance, other signals and convergence tell candidates apart",
    not_ranked: "no gene has a probability",
  };
  const PART = "part "; // before a source's name, so that no source hides a column of the table

  // Sources in the order of the parts, the prior first.
  const sourcesOf = (targets) => [...new Set(targets.flatMap((row) => Object.keys(row.parts)))];

  function tableRow(row) {
    const locus = L2T.data.locus(row.best_locus);
    const parts = Object.fromEntries(Object.entries(row.parts).map(([source, value]) => [PART + source, value]));
    const region = locus ? F.region(locus.chromosome, locus.start, locus.end) : row.best_locus;
    const mark = L2T.review.get(row.disease, row.gene_id);
    return { ...row, ...parts, parts: null, locus_class: locus?.locus_class ?? null, region, mark: mark?.mark ?? null, note: mark?.note ?? null };
  }

  function reliability(row) {
    const sure = row.modulation === "unknown" ? "" : ` (${F.words(row.modulation_reliability)})`;
    return el("span", { title: F.text(row.modulation_reason) }, F.words(row.modulation) + sure);
  }

  function markChooser(row) {
    const options = ["", ...L2T.review.MARKS].map((mark) => el("option", { value: mark, selected: mark === (row.mark ?? "") }, mark || "–"));
    const select = el("select", { "aria-label": `Review of ${row.gene_symbol}` }, options);
    select.addEventListener("change", () => {
      row.mark = select.value || null;
      L2T.review.set(row.disease, row.gene_id, row.mark, row.note ?? "");
    });
    return select;
  }

  const statusNode = (row) =>
    el("span", { class: `badge ${row.status === "confident" ? "good" : "quiet"}`, title: F.text(row.reason) }, F.words(row.status));
  const classNode = (name) => el("span", { title: CLASSES[name] ?? "" }, F.words(name));

  function geneColumns(sources) {
    const partColumn = (source) =>
      numberColumn(PART + source, F.source(source), { help: `Log odds from ${F.words(source)}`, width: 104, node: (row) => evidenceBar(row[PART + source]), cssClass: "num evidence" });
    return [
      numberColumn("gene_rank", "Rank", { width: 78, write: F.count, ascending: true, frozen: true }),
      textColumn("gene_symbol", "Gene", { width: 116, frozen: true, node: (row) => el("a", { href: link.gene(row.disease, row.gene_id), title: row.gene_id }, row.gene_symbol) }),
      numberColumn("probability", "Probability", { write: F.probability, help: "That the gene is the target of at least one locus, 0 to 1" }),
      numberColumn("probability_local", "Local", { width: 86, write: F.probability, help: "Probability without convergence across loci" }),
      textColumn("status", "Status", { width: 126, node: statusNode }),
      textColumn("locus_class", "Class", { width: 142, help: "Class of the best locus", node: (row) => classNode(row.locus_class) }),
      textColumn("modulation", "Drug would", { width: 132, help: "What a drug would have to do, with reliability", node: reliability }),
      textColumn("mark", "Review", { width: 108, node: markChooser }),
      { title: escaped("Evidence at the best locus, log odds"), columns: sources.map(partColumn) },
      textColumn("other_diseases", "Other diseases", { width: 160, help: "Other diseases of the run with the gene's probability" }),
      textColumn("region", "Best locus", { width: 190, write: F.text, node: (row) => el("a", { href: link.locus(row.best_locus), title: row.best_locus }, row.region) }),
    ];
  }

  const TSV = ["gene_rank", "gene_symbol", "gene_id", "probability", "probability_local", "status", "locus_class", "modulation", "modulation_reliability"];
  const TSV_END = ["other_diseases", "best_locus", "mark", "note"];

  function rankedTable(container, disease, targets) {
    const sources = sourcesOf(targets);
    const named = (row) => ({ ...row, ...Object.fromEntries(sources.map((source) => [source, row[PART + source]])) });
    return make(container, {
      name: `genes ${disease}`,
      label: `Ranked genes of ${F.words(disease)}`,
      filename: `ranked_genes-${disease}.tsv`,
      rows: targets.map(tableRow),
      columns: geneColumns(sources),
      tsv: [...TSV, ...sources, ...TSV_END],
      tsvRow: named,
      sort: [{ column: "gene_rank", dir: "asc" }],
      noun: "gene",
    });
  }

  const LOCUS_TSV = ["locus", "study", "chromosome", "start", "end", "lead_variant", "lead_neg_log10_p", "method", "ld_verdict", "locus_class", "top_gene", "top_probability", "margin", "none_probability", "n_candidates", "status", "reason"];

  function locusColumns() {
    return [
      textColumn("region", "Locus", { width: 190, write: F.text, node: (row) => el("a", { href: link.locus(row.locus), title: row.locus }, row.region) }),
      textColumn("study", "Study", { width: 150, write: F.text }),
      textColumn("lead_variant", "Lead variant", { width: 160, write: (key) => (F.isMissing(key) ? F.MISSING : F.variant(key)) }),
      numberColumn("lead_neg_log10_p", "p", { width: 110, write: F.pValue, help: "Association of the lead variant; filter and order by -log10 p" }),
      textColumn("method", "Method", { width: 96, help: "Of fine-mapping" }),
      textColumn("ld_verdict", "LD", { width: 80, help: "Whether LD fits the statistics" }),
      textColumn("locus_class", "Class", { width: 142, node: (row) => classNode(row.locus_class) }),
      textColumn("top_gene", "Top gene", { width: 120, write: F.list }),
      numberColumn("top_probability", "Probability", { write: F.probability, help: "Of the top gene, within the locus" }),
      numberColumn("margin", "Margin", { width: 94, write: F.probability, help: "Probability of the top gene less that of the next" }),
      numberColumn("none_probability", "None", { width: 86, write: F.probability, help: "That the target is none of the candidates" }),
      numberColumn("n_candidates", "Candidates", { width: 120, write: F.count, help: "Competing genes" }),
      textColumn("status", "Status", { width: 110, node: (row) => el("span", { title: F.text(row.reason) }, F.words(row.status)) }),
    ];
  }

  function locusTable(container, disease, loci) {
    return make(container, {
      name: `loci ${disease}`,
      label: `Loci of ${F.words(disease)}`,
      filename: `loci-${disease}.tsv`,
      rows: loci.map((row) => ({ ...row, region: F.region(row.chromosome, row.start, row.end) })),
      columns: locusColumns(),
      tsv: LOCUS_TSV,
      sort: [{ column: "lead_neg_log10_p", dir: "desc" }],
      noun: "locus",
      nouns: "loci",
    });
  }

  function definitions() {
    return el("details", { class: "definitions" }, el("summary", {}, "How to read the table"),
      el("ul", {},
        el("li", {}, "Probability: that the gene is the target of at least one locus of the disease, given that each target is a candidate or “none of these genes”."),
        el("li", {}, "Local: the same without convergence across loci. A gene that needs convergence stands on weaker ground."),
        el("li", {}, "Evidence: natural log of how much each kind of evidence multiplies the odds at the best locus. A full bar is 3 or more, odds of 20 to 1; right is for the gene, left against. “–”: none, which counts neither way."),
        el("li", {}, "Class of a locus: ", Object.entries(CLASSES).map(([name, text]) => `${F.words(name)}: ${text}. `)),
        el("li", {}, "Filters: words, or numbers as 0.5 (at least; ranks: at most), >0.9, <=3, =1. Arrow keys move along the rows, / goes to the search.")));
  }

  function render(container, { disease }) {
    const summary = L2T.data.run.diseases.find((row) => row.disease === disease);
    if (!summary) return L2T.app.notFound(container, `This run has no disease “${disease}”.`);
    const targets = L2T.data.targets(disease);
    container.append(
      el("p", { class: "eyebrow" }, "Disease"),
      el("h1", {}, F.words(disease)),
      el("p", { class: "lead" }, `${F.plural(targets.length, "candidate gene")}. ${L2T.data.lociSentence(summary)} Only a status “confident” names a target; the order of the others is no answer.`),
      el("h2", {}, "Ranked genes"), definitions());
    const genes = rankedTable(container, disease, targets);
    const rows = L2T.data.run.loci.filter((row) => row.disease === disease);
    container.append(el("h2", {}, "Loci"), ...rows.filter((row) => !row.chromosome).map((row) => el("p", {}, `${row.study}: ${row.reason}`)));
    const loci = locusTable(container, disease, rows.filter((row) => row.chromosome));
    return () => [genes, loci].forEach((grid) => grid.leave());
  }

  L2T.views.disease = { render };
})();
