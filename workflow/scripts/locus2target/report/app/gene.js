"use strict";
// One gene of one disease: why, what speaks against it, what a drug would have to do, and the reviewer's mark.
(() => {
  const { el, table, exact, bullets, download, tsv } = L2T.dom;
  const F = L2T.format;
  const link = L2T.router.link;
  const PRIOR = "prior";
  const CONVERGENCE = "convergence";
  const NONE = "none"; // gene id of evidence about the locus as a whole
  const RIVAL_PROBABILITY = 0.05; // a less probable candidate is no argument against the gene
  const MENTIONED = 0.005; // smaller log odds are written as 0.00
  const RIVALS = 6;
  const TOLD = 3; // arguments for the gene that its summary names
  const COUNTED = 2; // and against it
  const RELIABILITY = { high: "good", moderate: "warn" };
  const EVIDENCE_TSV = ["disease", "locus", "gene_id", "gene_symbol", "source", "value", "unit", "log_odds", "log_odds_unweighted", "direction", "variants", "context", "detail", "status", "reason"];

  const section = (title, ...content) => el("section", { class: "part" }, el("h2", {}, title), ...content);
  const badge = (text, kind = "quiet") => el("span", { class: `badge ${kind}` }, text);
  const regionOf = (locus) => (locus ? F.region(locus.chromosome, locus.start, locus.end) : F.MISSING);
  const locusLink = (id) => el("a", { href: link.locus(id), title: id }, L2T.data.locus(id) ? regionOf(L2T.data.locus(id)) : id);

  const sentence = (row) => [`${F.source(row.source)} (`, exact(row.log_odds, F.signed), `): ${F.text(row.detail)}`];

  const raising = (evidence) => evidence.filter((row) => row.log_odds >= MENTIONED).sort((a, b) => b.log_odds - a.log_odds);

  const supporting = (evidence) => bullets(raising(evidence).map(sentence), "No evidence at the best locus raises the odds of this gene.");

  // Parts that lower the odds and of which the page holds no evidence row.
  const loweringParts = (target, evidence) =>
    Object.entries(target.parts)
      .filter(([source, value]) => value < 0 && source !== PRIOR && source !== CONVERGENCE && !evidence.some((row) => row.source === source))
      .map(([source, value]) => [`${F.source(source)} (`, exact(value, F.signed), ")."]);

  function rivals(target) {
    return L2T.data.candidates(target.best_locus)
      .filter((row) => row.gene_id !== target.gene_id && row.probability >= RIVAL_PROBABILITY)
      .sort((a, b) => b.probability - a.probability)
      .slice(0, 2)
      .map((row) => ["At the same locus ", el("a", { href: link.gene(target.disease, row.gene_id) }, row.gene_symbol), " has probability ", exact(row.probability, F.probability), "."]);
  }

  // What speaks against the gene, strongest evidence first.
  function opposing(target, evidence, locus) {
    const lowering = evidence.filter((row) => row.log_odds <= -MENTIONED).sort((a, b) => a.log_odds - b.log_odds);
    const directions = new Set(evidence.map((row) => row.direction).filter((value) => !F.isMissing(value)).map(Math.sign));
    const none = locus?.none_probability;
    return [
      ...lowering.map(sentence),
      ...loweringParts(target, evidence),
      ...(directions.size > 1 ? ["The evidence points in both directions: some of it says more, some of it less activity."] : []),
      ...(["WARN", "FAIL"].includes(locus?.ld_verdict) ? [`LD verdict of the locus ${locus.ld_verdict}: ${F.text(locus.ld_reason)}`] : []),
      ...rivals(target),
      ...(none >= RIVAL_PROBABILITY ? [["That the target is none of the candidates has probability ", exact(none, F.probability), "."]] : []),
    ];
  }

  // The summary that a reviewer copies: sentences of text and numbers.
  function summary(target, locus, evidence) {
    const { run } = L2T.data.run;
    const reason = target.reason ? `: ${target.reason}` : "";
    const meaning = L2T.data.run.words.locus_class[locus?.locus_class] ?? "";
    const against = opposing(target, evidence, locus).slice(0, COUNTED);
    return [
      [`${target.gene_symbol} (${target.gene_id}), ${F.words(target.disease)}. ${F.words(target.mechanism)}.`],
      [`Rank ${F.count(target.gene_rank)} of ${F.plural(L2T.data.targets(target.disease).length, "candidate gene")}, probability `, exact(target.probability, F.probability), ` of being the target of at least one locus; ${F.words(target.status)}${reason}.`],
      [`Best locus ${regionOf(locus)}. ${meaning}`],
      [el("b", {}, "Strongest for it: "), listed(raising(evidence).slice(0, TOLD).map(sentence), "no evidence at the locus"), "."],
      [el("b", {}, "Strongest against it: "), listed(against, "nothing in this run"), "."],
      [drugSentence(target)],
      [`Run ${run.name}, ${F.text(run.created)}, locus2target ${F.text(run.version)}.`],
    ];
  }

  const withoutStop = (part) => (typeof part === "string" ? part.replace(/\.$/, "") : part);

  // Arguments in one sentence, so without full stops of their own.
  const listed = (items, otherwise) => (items.length ? items.map((item, index) => [index ? "; " : "", [item].flat().map(withoutStop)]) : otherwise);

  function drugSentence(target) {
    const reason = F.text(target.modulation_reason);
    if (target.modulation === "unknown") return `What a drug would have to do is not known. ${reason}`;
    return `A drug would have to ${F.words(target.modulation)} it (reliability ${F.words(target.modulation_reliability)}). ${reason}`;
  }

  async function copy(paragraph, state) {
    try {
      await navigator.clipboard.writeText(paragraph.textContent);
      state.textContent = "Copied.";
    } catch { // not every browser lets a page from disk do that
      window.getSelection().selectAllChildren(paragraph);
      state.textContent = "Selected: copy it with Ctrl+C or ⌘C.";
    }
  }

  function why(target, locus, evidence) {
    const paragraph = el("p", { class: "summary" }, summary(target, locus, evidence).map((part, index) => [index ? " " : "", part]));
    const state = el("span", { class: "hint", role: "status" });
    const button = el("button", { type: "button", class: "download copy", onclick: () => copy(paragraph, state) }, "Copy this paragraph");
    return el("div", { class: "why" }, paragraph, el("p", { class: "copy-tools" }, button, " ", state));
  }

  function convergence(target, evidence) {
    const rows = evidence.filter((row) => row.source === CONVERGENCE);
    const told = rows.map((row) => (row.status === "ok" ? sentence(row) : F.text(row.reason)));
    return [
      bullets(told, "No convergence evidence in this run."),
      el("p", {}, `Probability ${F.probability(target.probability)}; ${F.probability(target.probability_local)} without convergence across loci; ${F.probability(target.probability_unweighted)} with every cell type and tissue counted alike.`),
      el("p", { class: "hint" }, "Convergence is what the disease's loci on other chromosomes say. It is no evidence from the gene's own locus: a target that needs it stands on weaker ground."),
    ];
  }

  function modulation(target) {
    const known = target.modulation !== "unknown";
    return [
      el("p", {}, el("b", {}, known ? F.words(target.modulation) : "Unknown"), " ", known ? badge(`reliability ${F.words(target.modulation_reliability)}`, RELIABILITY[target.modulation_reliability]) : null, ` ${F.text(target.modulation_reason)}`),
      F.isMissing(target.direction) ? null : el("p", {}, `By the evidence at the best locus, more activity of the gene goes with ${target.direction > 0 ? "more" : "less"} of the disease.`),
      el("p", { class: "hint" }, "It follows from genetic effects, which are lifelong and often small; it says nothing of feasibility or safety."),
    ];
  }

  // Names of the sources whose evidence names a variant.
  const sourcesNaming = (evidence) => (key) =>
    [...new Set(evidence.filter((row) => row.log_odds !== 0 && F.items(row.variants).includes(key)).map((row) => F.source(row.source)))].join(", ");

  function unknownTable(rows) {
    if (!rows.length) return el("p", {}, "Every kind of evidence that the run asked for gave an answer.");
    const words = (status) => badge(F.words(status));
    return table({
      caption: "What could not be found out, with the reason; it counts neither way",
      columns: [["What", ""], ["Status", ""], ["Why", "long"]],
      rows: rows.map(({ what, status, reason }) => [what, words(status), F.text(reason)]),
    });
  }

  const unknownOf = (bestLocus) => (row) => {
    const scope = row.gene_id === NONE ? " (whole locus)" : "";
    const elsewhere = row.locus === bestLocus ? [] : [", ", locusLink(row.locus)];
    return { what: [F.source(row.source), scope, ...elsewhere], status: row.status, reason: row.reason || row.detail };
  };

  // Supporting variants, whose numbers come later, and what is not known, which then gains the variants without a score.
  function drawVariants(target, evidence, variants, unknown, rows) {
    const notKnown = rows.filter((row) => row.status !== "ok");
    const draw = (unscored) => unknown.replaceChildren(unknownTable([...notKnown.map(unknownOf(target.best_locus)), ...unscored]));
    draw([]);
    if (!F.items(target.variants).length) variants.append(el("p", {}, "The evidence names no variant with a posterior at this locus."));
    else L2T.geneVariants.show(variants, target, sourcesNaming(evidence)).then(draw);
  }

  function contextTable(target, evidence) {
    const rows = evidence.filter((row) => !F.isMissing(row.context) && row.log_odds !== 0);
    return [
      el("p", {}, F.items(target.contexts).map(F.words).join(", ") || "None named by the evidence."),
      rows.length
        ? table({
          caption: "Evidence by tissue or cell type",
          columns: [["Source", ""], ["Context", ""], ["Log odds", "num"], ["Every context alike", "num"]],
          rows: rows.map((row) => [F.source(row.source), F.words(row.context), exact(row.log_odds, F.signed), exact(row.log_odds_unweighted, F.signed)]),
        })
        : null,
    ];
  }

  function evidenceTable(rows, filename) {
    if (!rows.length) return el("p", {}, "The page holds evidence rows of the loci it draws; those of this gene are in the run's evidence table. The parts above are complete.");
    const counted = rows.filter((row) => row.status === "ok" || row.log_odds !== 0).sort((a, b) => b.log_odds - a.log_odds);
    const cells = (row) => [
      locusLink(row.locus), row.gene_id === NONE ? `${F.source(row.source)} (whole locus)` : F.source(row.source), [exact(row.value, F.number), " ", el("small", {}, row.unit)],
      exact(row.log_odds, F.signed), exact(row.log_odds_unweighted, F.signed), F.direction(row.direction), F.list(row.context), F.text(row.detail)];
    const save = () => download(filename, "text/tab-separated-values", tsv(EVIDENCE_TSV, rows));
    return [
      table({
        caption: "Evidence with weight or direction, of the gene and of its best locus as a whole. Unweighted: every tissue and cell type counted alike",
        columns: [["Locus", ""], ["Source", ""], ["Value", ""], ["Log odds", "num"], ["Unweighted", "num"], ["Direction", ""], ["Context", ""], ["Detail", "long"]],
        rows: counted.map(cells),
      }),
      el("p", {}, el("button", { type: "button", class: "download", onclick: save, title: "These rows and those of “Not known”, with exact values" }, "Download evidence TSV")),
    ];
  }

  // The first candidates of the best locus, the gene itself, and “none of these genes”, which has a place among them.
  function rivalTable(target) {
    const none = L2T.data.locus(target.best_locus)?.none_probability;
    const candidates = [...L2T.data.candidates(target.best_locus)].sort((a, b) => a.locus_rank - b.locus_rank);
    const first = candidates.filter((row, index) => index < RIVALS || row.gene_id === target.gene_id);
    const name = (row) => (row.gene_id === target.gene_id ? el("b", {}, row.gene_symbol) : el("a", { href: link.gene(target.disease, row.gene_id) }, row.gene_symbol));
    const rows = first.map((row) => [F.count(row.locus_rank), name(row), exact(row.probability, F.probability), exact(row.log_odds, F.signed)]);
    const before = first.filter((row) => row.probability >= none).length;
    rows.splice(F.isMissing(none) ? rows.length : before, 0, ["", "none of these genes", exact(none, F.probability), ""]);
    return table({
      caption: "First candidates at the best locus; all of them and “none of these genes” add up to 1",
      columns: [["Rank", "num"], ["Candidate", ""], ["Probability", "num"], ["Log odds", "num"]],
      rows,
    });
  }

  function lociTable(target) {
    const rows = [...L2T.data.candidacies(target.disease, target.gene_id)].sort((a, b) => b.probability - a.probability);
    return table({
      caption: "Every locus of the disease with this candidate",
      columns: [["Locus", ""], ["Class", ""], ["Rank there", "num"], ["Probability", "num"], ["Log odds", "num"]],
      rows: rows.map((row) => [locusLink(row.locus), F.words(L2T.data.locus(row.locus)?.locus_class), F.count(row.locus_rank), exact(row.probability, F.probability), exact(row.log_odds, F.signed)]),
    });
  }

  function otherDiseases(target) {
    const rows = L2T.data.run.targets.filter((row) => row.gene_id === target.gene_id && row.disease !== target.disease);
    const told = F.isMissing(target.other_diseases) ? "No other disease of the run reaches the configured probability." : `${F.words(target.other_diseases)}. The same gene can ask for opposite drugs in two diseases.`;
    return [
      el("p", {}, told),
      rows.length
        ? table({
          caption: "The gene in every other disease of the run where it is a candidate",
          columns: [["Disease", ""], ["Rank", "num"], ["Probability", "num"], ["A drug would", ""]],
          rows: rows.map((row) => [el("a", { href: link.gene(row.disease, row.gene_id) }, F.words(row.disease)), F.count(row.gene_rank), exact(row.probability, F.probability), F.words(row.modulation)]),
        })
        : null,
    ];
  }

  function annotations(target) {
    const pairs = [["Tractability", target.tractability], ["Known drugs", target.known_drugs], ["Safety and constraint", target.safety_constraint]];
    return [
      el("p", { class: "hint" }, "From tables given to the run. Ranks, probabilities and log odds are the same without them."),
      el("dl", {}, pairs.map(([label, text]) => [el("dt", {}, label), el("dd", {}, F.text(text))])),
    ];
  }

  function reviewForm(target) {
    const { disease, gene_id } = target;
    const mark = L2T.review.get(disease, gene_id);
    const note = el("textarea", { rows: "2", id: "review-note" }, mark?.note ?? "");
    const state = el("p", { class: "hint", role: "status" }, describeMark(mark, target));
    const form = el("form", { class: "review-form", "aria-label": "Review of this gene" });
    const apply = () => {
      L2T.review.set(disease, gene_id, form.elements.mark.value, note.value);
      state.textContent = describeMark(L2T.review.get(disease, gene_id), target);
    };
    const choice = (value) =>
      el("label", {}, el("input", { type: "radio", name: "mark", value, checked: value === (mark?.mark ?? ""), onchange: apply }), value || "not reviewed");
    note.addEventListener("change", () => form.elements.mark.value && apply());
    form.addEventListener("submit", (event) => event.preventDefault());
    form.append(el("fieldset", {}, el("legend", {}, "Review"), ["", ...L2T.review.MARKS].map(choice)), el("label", { for: "review-note" }, "Note (kept with a mark)"), note, state);
    return form;
  }

  function describeMark(mark, target) {
    if (!mark) return "Not reviewed. Marks go into the file that “Save review” on the review page writes.";
    const then = `Marked ${mark.mark} on ${mark.when.slice(0, 10)}, at probability ${F.probability(mark.probability)}`;
    return mark.carried_from ? `Carried over from ${mark.carried_from}. ${then} then, ${F.probability(target.probability)} now.` : `${then}.`;
  }

  // Links to the genes before and after in the ranking.
  function walk(target) {
    const targets = L2T.data.targets(target.disease);
    const index = targets.indexOf(target);
    const step = (row, text) => row && el("a", { href: link.gene(row.disease, row.gene_id) }, text(row));
    const links = [step(targets[index - 1], (row) => `← ${row.gene_rank} ${row.gene_symbol}`), step(targets[index + 1], (row) => `${row.gene_rank} ${row.gene_symbol} →`)];
    return el("span", { class: "walk" }, links.filter(Boolean).map((each, number) => [number ? " · " : "", each]));
  }

  function heading(target) {
    return el("header", { class: "gene-head" },
      el("h1", {}, target.gene_symbol, " ", el("small", {}, target.gene_id)),
      el("p", { class: "score" }, exact(target.probability, F.probability), el("small", {}, "probability"), " ", badge(F.words(target.status), target.status === "confident" ? "good" : "quiet")));
  }

  function waterfall(target, chart, flow) {
    return section("Log odds, added up", chart, L2T.waterfall.stepTable(flow),
      el("p", { class: "hint" }, "At the best locus, ", locusLink(target.best_locus), ". The prior is one of the n candidates, ln(1/n). The sum competes with those of the other candidates and of “none of these genes”."));
  }

  function render(container, { disease, gene_id }) {
    const target = L2T.data.target(disease, gene_id);
    if (!target) return L2T.app.notFound(container, `This run ranks no gene “${gene_id}” for “${disease}”.`);
    const locus = L2T.data.locus(target.best_locus);
    const all = L2T.data.evidence(disease, gene_id);
    const evidence = all.filter((row) => row.locus === target.best_locus);
    const rows = [...all, ...L2T.data.evidence(disease, NONE).filter((row) => row.locus === target.best_locus)];
    const local = evidence.filter((row) => row.source !== CONVERGENCE);
    const flow = L2T.waterfall.steps(target.parts);
    const [chart, variants, unknown] = [el("div", { class: "waterfall-chart" }), el("div"), el("div")];
    container.append(
      el("p", { class: "eyebrow" }, el("a", { href: link.disease(disease) }, F.words(disease)), " · gene", walk(target)),
      heading(target), why(target, locus, local), reviewForm(target),
      el("div", { class: "columns" },
        el("div", {}, section("Why", supporting(local)), section("What speaks against it", bullets(opposing(target, local, locus), "Nothing in this run.")),
          section("What a drug would have to do", modulation(target)), section("Convergence across loci", convergence(target, evidence))),
        el("div", {}, waterfall(target, chart, flow), rivalTable(target))),
      section("Supporting variants", variants),
      section("Tissues and cell types", contextTable(target, local)),
      section("Evidence", evidenceTable(rows, `evidence-${disease}-${target.gene_symbol}.tsv`)),
      section("Not known", unknown),
      section("Loci", lociTable(target)),
      section("Other diseases of the run", otherDiseases(target)),
      section("Annotations (not counted as evidence)", annotations(target)));
    drawVariants(target, local, variants, unknown, rows);
    return flow.length ? L2T.waterfall.draw(chart, flow, `Log odds of ${target.gene_symbol} by source, in total ${F.signed(flow.at(-1).end)}; the table below has the numbers`) : undefined;
  }

  L2T.views.gene = { render };
})();
