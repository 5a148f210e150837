"use strict";
// The tables of a locus page: candidates, signals, colocalization, and what is said of the locus as a whole.
// `view` is that of locus.js: facts, locus, and what to do where a variant (onVariant) or a gene (onGene) is picked.
(() => {
  const { el } = L2T.dom;
  const F = () => L2T.format;

  const number = (value, write) => (F().isMissing(value) ? F().MISSING : L2T.dom.exact(value, write));
  const help = (title, meaning) => el("span", { title: meaning }, title);

  // A gene as a link to its page, where it has one.
  function geneLink(facts, geneId, symbol) {
    return L2T.data.target(facts.disease, geneId) ? el("a", { href: L2T.router.link.gene(facts.disease, geneId) }, symbol) : symbol;
  }

  function candidateTable(facts) {
    const rows = [...L2T.data.candidates(facts.locus)].sort((a, b) => a.locus_rank - b.locus_rank);
    if (!rows.length) return el("p", { class: "note" }, "No candidate gene was ranked at this locus.");
    const cells = rows.map((row) => [
      F().count(row.locus_rank),
      geneLink(facts, row.gene_id, row.gene_symbol),
      number(row.probability, F().probability),
      number(row.log_odds, F().signed),
      F().direction(row.direction),
      F().list(row.contexts),
      row.named ? "yes" : "no",
    ]);
    const before = rows.filter((row, place) => row.locus_rank === place + 1).length; // “none of these” has the first rank that no gene has
    if (facts.none_probability !== null)
      cells.splice(before, 0, [F().count(before + 1), "none of these", number(facts.none_probability, F().probability), "", "", "", ""]);
    return L2T.dom.table({
      caption: "Candidates of the locus: probability that the gene is its target",
      columns: [
        ["Rank", "num"],
        ["Gene", ""],
        ["Probability", "num"],
        [help("Log odds", "sum of the parts, natural log"), "num"],
        [help("Direction", "▲ more gene activity goes with more disease, ▼ with less"), ""],
        ["Tissues", ""],
        [help("More than distance", "whether more than distance speaks for the gene"), ""],
      ],
      rows: cells,
    });
  }

  // The name of a variant; of one that the page names a link that picks it in the tracks, and whose address can be kept.
  function variantLink(view, key, text) {
    const index = L2T.variants.indexOf(view.locus, key);
    if (index === null) return text;
    const onclick = (event) => {
      event.preventDefault();
      view.onVariant(index);
    };
    return el("a", { href: L2T.router.link.variant(view.facts.locus, key), title: "Pick it in the tracks", onclick }, text);
  }

  function signalTable(view) {
    return L2T.dom.table({
      caption: "Signals: independent associations that fine-mapping found",
      columns: [
        [help("Signal", "0: single effect over all variants; 1 and up: SuSiE effects"), "num"],
        ["Method", ""],
        [help("Used", "whether the ranking rests on it"), ""],
        [help("Best variant", "highest posterior"), ""],
        [help("ln BF", "natural log of the Bayes factor"), "num"],
        ["Variants in set", "num"],
        [help("Coverage", "posterior mass in the set"), "num"],
        [help("Purity", "smallest |r| between variants of the set; – without LD"), "num"],
        ["Status", ""],
        ["Why", ""],
      ],
      rows: view.locus.signals.map((row) => [
        F().text(row.signal),
        row.method,
        row.primary ? "yes" : "no",
        variantLink(view, row.lead_variant, F().variant(row.lead_variant)),
        number(row.log_bayes_factor, F().number),
        F().count(row.n_credible),
        number(row.coverage, F().probability),
        number(row.purity, F().probability),
        F().words(row.status),
        F().text(row.reason),
      ]),
    });
  }

  const traitOf = (view, row) =>
    view.locus.traits.find((trait) => ["gene_id", "phenotype_id", "qtl", "tissue"].every((name) => trait[name] === row[name]));

  // A button that shows the pair's association in the tracks; nothing where the page does not hold it.
  function showTrait(view, row) {
    if (!traitOf(view, row)) return "";
    const title = `Show the association of ${row.gene_symbol} in the tracks`;
    return el("button", { type: "button", class: "download", title, onclick: () => view.onGene(row.gene_id) }, "show");
  }

  const POSTERIORS = [
    ["H0", "no association"],
    ["H1", "disease only"],
    ["H2", "molecular trait only"],
    ["H3", "two distinct causal variants"],
    ["H4", "one shared causal variant"],
  ];

  function colocalizationTable(view) {
    const range = ({ p12_low: low, p12_high: high }) =>
      F().isMissing(low) || F().isMissing(high) ? F().MISSING : el("span", { title: `${low} – ${high}` }, `${F().number(low)} – ${F().number(high)}`);
    return L2T.dom.table({
      caption: "Colocalization: posterior probabilities of each pair of a signal of the disease and one of a molecular trait",
      columns: [
        ["Gene", "region"],
        ["Tracks", ""],
        ["QTL set", "region"],
        ["Tissue", "region"],
        ["Type", ""],
        [help("Signal", "of the disease; 0 is the single effect over all variants"), "num"],
        [help("QTL signal", "of the molecular trait; 0 is the single effect"), "num"],
        [help("Used", "whether the ranking rests on this pair of signals"), ""],
        [help("Method", "susie: both sides are separate signals; abf: one causal variant a side"), ""],
        [help("Shared", "variants with both statistics"), "num"],
        ...POSTERIORS.map(([name, meaning]) => [help(name, meaning), "num"]),
        [help("p12 range", "prior p12 for which H4 stays above the threshold"), "region"],
        [help("Direction", "▲ more of the trait goes with more disease, ▼ with less"), ""],
        [help("CLPP", "sum over variants of the product of the two posteriors"), "num"],
        [help("Shared variant", "most probable, if there is one"), ""],
        [help("Flag", "shares with too much to tell anything"), ""],
      ],
      rows: view.locus.colocalization.map((row) => [
        geneLink(view.facts, row.gene_id, row.gene_symbol),
        showTrait(view, row),
        row.qtl,
        F().words(row.tissue),
        row.qtl_type,
        F().text(row.signal),
        F().text(row.qtl_signal),
        row.primary ? "yes" : "no",
        row.method,
        F().count(row.n_shared),
        ...POSTERIORS.map((_, place) => number(row[`posterior_h${place}`], F().probability)),
        range(row),
        F().direction(row.direction),
        number(row.clpp, F().number),
        variantLink(view, row.shared_variant, F().isMissing(row.shared_variant) ? F().MISSING : F().variant(row.shared_variant)),
        F().text(row.flag),
      ]),
    });
  }

  function statementTable(view) {
    return L2T.dom.table({
      caption: "Evidence about the locus as a whole, and what could not be had",
      columns: [
        ["Evidence", ""],
        ["Status", ""],
        ["What it says", ""],
      ],
      rows: view.locus.statements.map((row) => [F().source(row.source), F().words(row.status), row.detail]),
    });
  }

  const part = (name, title, ...content) => el("section", { class: `part locus-${name}` }, el("h2", {}, title), content);

  // Sections below the figures.
  function sections(view) {
    const { signals, colocalization, colocalization_note: note, statements } = view.locus;
    return [
      signals.length ? part("signals", "Signals", signalTable(view)) : null,
      part("colocalization", "Colocalization with molecular traits", el("p", {}, note), colocalization.length ? colocalizationTable(view) : null),
      statements.length ? part("statements", "The locus as a whole", statementTable(view)) : null,
    ].filter(Boolean);
  }

  L2T.locusTables = { candidateTable, geneLink, variantLink, sections };
})();
