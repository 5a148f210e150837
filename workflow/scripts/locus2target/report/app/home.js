"use strict";
// The first page: the question, the answer per disease, and where to go on.
(() => {
  const { el } = L2T.dom;
  const F = L2T.format;
  const link = L2T.router.link;
  const CONFIDENT = "confident";
  const OTHERS = 6;

  const geneLink = (disease, gene) => el("a", { href: link.gene(disease, gene.gene_id) }, gene.gene_symbol);
  const probability = (value) =>
    el("span", { class: "probability", title: `${value}: probability that the gene is the target of at least one locus` }, F.probability(value));

  function answer(disease, best) {
    const mechanism = F.words(L2T.data.target(disease, best.gene_id)?.mechanism);
    if (best.status === CONFIDENT) {
      return [el("p", { class: "target" }, geneLink(disease, best), " ", probability(best.probability)), el("p", {}, mechanism)];
    }
    const first = el("p", {}, "First of the ranking is ", geneLink(disease, best), ` with probability ${F.probability(best.probability)} (${F.words(best.status)}). `, mechanism);
    return [el("p", { class: "target none" }, "No confident target"), first];
  }

  function others({ disease, top }) {
    const named = top.slice(1).filter((gene) => gene.status === CONFIDENT).slice(0, OTHERS);
    if (!named.length) return null;
    const chips = named.map((gene) => el("span", { class: "chip" }, geneLink(disease, gene), " ", el("b", {}, F.probability(gene.probability))));
    return el("p", { class: "others" }, "Also confident: ", chips);
  }

  const counts = (row) =>
    `${L2T.data.lociSentence(row)} ${F.plural(L2T.data.targets(row.disease).length, "candidate gene")}.`;

  function card(row) {
    const best = row.top[0];
    return el("article", { class: best?.status === CONFIDENT ? "verdict" : "verdict open" },
      el("h2", { class: "eyebrow" }, el("a", { href: link.disease(row.disease) }, F.words(row.disease))),
      best ? answer(row.disease, best) : el("p", { class: "target none" }, "No candidate gene"),
      others(row),
      el("p", { class: "counts" }, counts(row)),
      el("p", {}, el("a", { href: link.disease(row.disease) }, "Ranked table and loci")));
  }

  function contents(sections) {
    const entries = [...sections.querySelectorAll("section[id]")]
      .map((section) => [section.id, section.querySelector("h2")?.textContent])
      .filter(([, title]) => title);
    if (!entries.length) return null;
    return el("nav", { "class": "contents", "aria-label": "Sections below" },
      "Below: ", entries.map(([id, title], index) => [index ? " · " : "", el("a", { href: `#${id}` }, title)]));
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
        "; see what moved since another run in the ", el("a", { href: link.compare() }, "comparison"), "."),
      contents(document.getElementById("sections")) ?? "");
  }

  L2T.views.home = { render };
})();
