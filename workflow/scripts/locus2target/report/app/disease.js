"use strict";
// One disease: its ranked genes and its loci as tables.
(() => {
  const { el } = L2T.dom;
  const F = L2T.format;
  const { make, textColumn, numberColumn, evidenceBar, escaped } = L2T.grid;
  const link = L2T.router.link;
  const PART = "part "; // before a source's name, so that no source hides a column of the table

  const meaningOf = (kind, name) => L2T.data.run.words[kind][name] ?? "";

  // Sources in the order of the parts, the prior first.
  const sourcesOf = (targets) => [...new Set(targets.flatMap((row) => Object.keys(row.parts)))];

  function tableRow(row) {
    const locus = L2T.data.locus(row.best_locus);
    const parts = Object.fromEntries(Object.entries(row.parts).map(([source, value]) => [PART + source, value]));
    const region = locus ? F.region(locus.chromosome, locus.start, locus.end) : row.best_locus;
    const mark = L2T.review.get(row.disease, row.gene_id);
    return { ...row, ...parts, parts: null, locus_class: locus?.locus_class ?? null, direction_words: F.direction(row.direction), region, mark: mark?.mark ?? null, note: mark?.note ?? null };
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
  const classNode = (name) => el("span", { title: meaningOf("locus_class", name) }, F.words(name));
  const ldNode = (row) => el("span", { title: [meaningOf("ld_verdict", row.ld_verdict), row.ld_reason].filter(Boolean).join(" ") }, row.ld_verdict);

  const equals = (wanted, value) => F.text(value) === wanted;

  const wordColumn = (field, title, options) => textColumn(field, title, { headerFilterPlaceholder: "contains", ...options });

  const valuesOf = (rows, field) => [...new Set(rows.map((row) => F.text(row[field])))].sort();

  // A column of few different values, which a list above it chooses from.
  function choiceColumn(field, title, values, options = {}) {
    const chooser = (cell, _rendered, choose) => {
      const chosen = cell.getValue();
      const choices = values.map((value) => el("option", { value, selected: value === chosen }, F.words(value)));
      return el("select", { "aria-label": `Filter ${title}`, onchange: (event) => choose(event.target.value) }, el("option", { value: "" }, "all"), choices);
    };
    return textColumn(field, title, { headerFilter: chooser, headerFilterFunc: equals, ...options });
  }

  function geneColumns(sources, rows) {
    const partColumn = (source) =>
      numberColumn(PART + source, F.source(source), { help: `Log odds from ${F.words(source)}`, width: 104, node: (row) => evidenceBar(row[PART + source]), cssClass: "num evidence" });
    return [
      numberColumn("gene_rank", "Rank", { width: 78, write: F.count, ascending: true, frozen: true }),
      wordColumn("gene_symbol", "Gene", { width: 116, frozen: true, node: (row) => el("a", { href: link.gene(row.disease, row.gene_id), title: row.gene_id }, row.gene_symbol) }),
      numberColumn("probability", "Probability", { write: F.probability, help: "That the gene is the target of at least one locus, 0 to 1" }),
      numberColumn("probability_local", "Local", { width: 86, write: F.probability, help: "Probability without convergence across loci" }),
      choiceColumn("status", "Status", valuesOf(rows, "status"), { width: 126, node: statusNode }),
      choiceColumn("locus_class", "Class", valuesOf(rows, "locus_class"), { width: 142, help: "Class of the best locus", node: (row) => classNode(row.locus_class) }),
      choiceColumn("direction_words", "Direction", valuesOf(rows, "direction_words"), { width: 104, write: F.text, help: "More activity of the gene goes with more of the disease, or less; –: not known" }),
      choiceColumn("modulation", "Drug would", valuesOf(rows, "modulation"), { width: 132, help: "What a drug would have to do, with reliability", node: reliability }),
      choiceColumn("mark", "Review", [F.MISSING, ...L2T.review.MARKS], { width: 108, node: markChooser }),
      { title: escaped("Evidence at the best locus, log odds"), columns: sources.map(partColumn) },
      wordColumn("other_diseases", "Other diseases", { width: 160, help: "Other diseases of the run with the gene's probability" }),
      wordColumn("region", "Best locus", { width: 190, write: F.text, node: (row) => el("a", { href: link.locus(row.best_locus), title: row.best_locus }, row.region) }),
    ];
  }

  const TSV = ["gene_rank", "gene_symbol", "gene_id", "probability", "probability_local", "status", "locus_class", "direction", "modulation", "modulation_reliability"];
  const TSV_END = ["other_diseases", "best_locus", "mark", "note"];

  function rankedTable(container, disease, targets) {
    const sources = sourcesOf(targets);
    const rows = targets.map(tableRow);
    const named = (row) => ({ ...row, ...Object.fromEntries(sources.map((source) => [source, row[PART + source]])) });
    return make(container, {
      name: `genes ${disease}`,
      label: `Ranked genes of ${F.words(disease)}`,
      filename: `ranked_genes-${disease}.tsv`,
      rows,
      columns: geneColumns(sources, rows),
      tsv: [...TSV, ...sources, ...TSV_END],
      tsvRow: named,
      sort: [{ column: "gene_rank", dir: "asc" }],
      noun: "gene",
    });
  }

  const LOCUS_TSV = ["locus", "study", "chromosome", "start", "end", "lead_variant", "lead_neg_log10_p", "method", "ld_verdict", "locus_class", "top_gene", "top_probability", "margin", "none_probability", "n_candidates", "status", "reason"];

  function locusColumns(rows) {
    return [
      wordColumn("region", "Locus", { width: 190, write: F.text, node: (row) => el("a", { href: link.locus(row.locus), title: row.locus }, row.region) }),
      wordColumn("study", "Study", { width: 150, write: F.text }),
      wordColumn("lead_variant", "Lead variant", { width: 160, write: (key) => (F.isMissing(key) ? F.MISSING : F.variant(key)) }),
      numberColumn("lead_neg_log10_p", "p", { width: 110, write: F.pValue, help: "Association of the lead variant; filter and order by −log₁₀ p", headerFilterPlaceholder: "−log₁₀ ≥" }),
      choiceColumn("method", "Method", valuesOf(rows, "method"), { width: 96, help: "Of fine-mapping" }),
      choiceColumn("ld_verdict", "LD", valuesOf(rows, "ld_verdict"), { width: 90, help: "Whether LD fits the statistics", node: ldNode }),
      choiceColumn("locus_class", "Class", valuesOf(rows, "locus_class"), { width: 142, node: (row) => classNode(row.locus_class) }),
      wordColumn("top_gene", "Top gene", { width: 120, write: F.list }),
      numberColumn("top_probability", "Probability", { write: F.probability, help: "Of the top gene, within the locus" }),
      numberColumn("margin", "Margin", { width: 94, write: F.probability, help: "Probability of the top gene less that of the next" }),
      numberColumn("none_probability", "None", { width: 86, write: F.probability, help: "That the target is none of the candidates" }),
      numberColumn("n_candidates", "Candidates", { width: 120, write: F.count, help: "Competing genes" }),
      choiceColumn("status", "Status", valuesOf(rows, "status"), { width: 110, node: (row) => el("span", { title: F.text(row.reason) }, F.words(row.status)) }),
    ];
  }

  function locusTable(container, disease, loci) {
    const rows = loci.map((row) => ({ ...row, region: F.region(row.chromosome, row.start, row.end) }));
    return make(container, {
      name: `loci ${disease}`,
      label: `Loci of ${F.words(disease)}`,
      filename: `loci-${disease}.tsv`,
      rows,
      columns: locusColumns(rows),
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
        el("li", {}, "Direction: whether more activity of the gene goes with more or less of the disease, where the evidence at the best locus says so."),
        el("li", {}, "Class of a locus. ", Object.values(L2T.data.run.words.locus_class).join(" "))));
  }

  const filterHint = () =>
    el("p", { class: "hint" }, "The boxes under the headings filter: words, or a number. 0.5 keeps 0.5 and more (of ranks, 10 keeps the first ten); >0.9, <=3 and =1 work too. A heading sorts. Arrow keys move along the rows, / goes to the search.");

  function render(container, { disease }) {
    const summary = L2T.data.run.diseases.find((row) => row.disease === disease);
    if (!summary) return L2T.app.notFound(container, `This run has no disease “${disease}”.`);
    const targets = L2T.data.targets(disease);
    container.append(
      el("p", { class: "eyebrow" }, "Disease"),
      el("h1", {}, F.words(disease)),
      el("p", { class: "lead" }, `${F.plural(targets.length, "candidate gene")}. ${L2T.data.lociSentence(summary)} Only a status “confident” names a target; the order of the others is no answer.`),
      el("h2", {}, "Ranked genes"), definitions(), filterHint());
    const genes = rankedTable(container, disease, targets);
    const rows = L2T.data.run.loci.filter((row) => row.disease === disease);
    container.append(el("h2", {}, "Loci"), ...rows.filter((row) => !row.chromosome).map((row) => el("p", {}, `${row.study}: ${row.reason}`)));
    const loci = locusTable(container, disease, rows.filter((row) => row.chromosome));
    return () => [genes, loci].forEach((grid) => grid.leave());
  }

  L2T.views.disease = { render };
})();
