"use strict";
// The first page: the question, the answer per disease, and where to go on.
(() => {
  const { el } = L2T.dom;
  const F = L2T.format;
  const link = L2T.router.link;
  const CONFIDENT = "confident";

  const geneLink = (disease, gene) => el("a", { href: link.gene(disease, gene.gene_id) }, gene.gene_symbol);
  const chip = (disease, gene) =>
    el("span", { class: "chip" }, geneLink(disease, gene), " ", el("b", { title: F.text(gene.probability) }, F.probability(gene.probability)));

  // The answer in sentences, the first as what stands out.
  function answer({ disease, answer: sentences, top }) {
    const [best] = top;
    if (best?.status !== CONFIDENT) {
      return [el("p", { class: "target none" }, sentences[0]), el("p", {}, sentences.slice(1).join(" ")), best ? el("p", { class: "others" }, chip(disease, best)) : null];
    }
    const probability = el("span", { class: "probability", title: `${best.probability}: probability that the gene is the target of at least one locus` }, F.probability(best.probability));
    return [el("p", { class: "target" }, geneLink(disease, best), " ", probability), el("p", {}, sentences.join(" "))];
  }

  function others({ disease, top }) {
    const named = top.slice(1).filter((gene) => gene.status === CONFIDENT);
    return named.length ? el("p", { class: "others" }, "Also confident: ", named.map((gene) => chip(disease, gene))) : null;
  }

  const counts = (row) =>
    `${L2T.data.lociSentence(row)} ${F.plural(L2T.data.targets(row.disease).length, "candidate gene")}.`;

  function card(row) {
    return el("article", { class: row.top[0]?.status === CONFIDENT ? "verdict" : "verdict open" },
      el("h2", { class: "eyebrow" }, el("a", { href: link.disease(row.disease) }, F.words(row.disease))),
      answer(row),
      others(row),
      el("p", { class: "counts" }, counts(row)),
      el("p", {}, el("a", { href: link.disease(row.disease) }, "Ranked table and loci")));
  }

  function render(container) {
    const { run, diseases } = L2T.data.run;
    container.append(
      el("p", { class: "eyebrow" }, `locus2target ${F.text(run.version)} · run ${run.name} · ${F.text(run.created)}`),
      el("h1", {}, run.title),
      el("p", { class: "question" }, "Which genes should we aim at, why, and how sure are we?"),
      el("div", { class: "verdicts" }, diseases.length ? diseases.map(card) : el("p", {}, "The run has no disease.")),
      el("p", { class: "next" },
        "A probability is conditional on the run's data and on the target being among the candidates or “none of these genes”. It is not a probability that a drug would work. ",
        "Mark genes as you read them and keep the marks in the ", el("a", { href: link.review() }, "review"),
        "; see what moved since another run in the ", el("a", { href: link.compare() }, "comparison"), "."));
  }

  L2T.views.home = { render };
})();
