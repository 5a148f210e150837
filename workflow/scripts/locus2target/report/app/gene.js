"use strict";
// One gene of one disease: why, what speaks against it, what a drug would have to do, and the reviewer's mark.
(() => {
  const { el, table, bullets } = L2T.dom;
  const F = L2T.format;
  const link = L2T.router.link;
  const PRIOR = "prior";
  const CONVERGENCE = "convergence";
  const NONE = "none"; // gene id of evidence about the locus as a whole
  const RIVAL_PROBABILITY = 0.05; // a less probable candidate is no argument against the gene
  const MENTIONED = 0.005; // smaller log odds are written as 0.00
  const RIVALS = 6;
  const ROW_HEIGHT = 26;
  const INK = { ink: "#1b2733", muted: "#56636f", rule: "#dde3e8", up: "#1d7a8c", down: "#b4523a" };

  const section = (title, ...content) => el("section", { class: "part" }, el("h2", {}, title), ...content);
  const exact = (value, write) => el("span", { title: F.text(value) }, write(value));
  const regionOf = (locus) => (locus ? F.region(locus.chromosome, locus.start, locus.end) : F.MISSING);
  const locusLink = (id) => el("a", { href: link.locus(id), title: id }, L2T.data.locus(id) ? regionOf(L2T.data.locus(id)) : id);

  // The prior, then raising parts, largest first, then lowering ones; each from the running sum before it to after it.
  function steps(parts) {
    const ordered = Object.entries(parts).sort(([a, x], [b, y]) => (b === PRIOR) - (a === PRIOR) || y - x);
    let sum = 0;
    return ordered.map(([source, value]) => {
      const start = sum;
      sum += value;
      return { source, value, start, end: sum };
    });
  }

  // A bar of the waterfall with its number behind it; value = [row, start, end].
  function drawBar(api, text) {
    const [x1, y] = api.coord([api.value(1), api.value(0)]);
    const [x2] = api.coord([api.value(2), api.value(0)]);
    const height = api.size([0, 1])[1] * 0.6;
    const shape = { x: Math.min(x1, x2), y: y - height / 2, width: Math.max(Math.abs(x2 - x1), 1), height };
    return {
      type: "rect",
      shape,
      style: { fill: api.visual("color") },
      textContent: { style: { text, fill: INK.ink, fontSize: 11 } },
      textConfig: { position: "right", distance: 5 },
    };
  }

  function bars(flow) {
    const total = { source: null, value: flow.at(-1).end, start: 0, end: flow.at(-1).end };
    return [...flow, total].map((step, index) => {
      const colour = step.source === null ? INK.ink : step.value >= 0 ? INK.up : INK.down;
      return { value: [index, step.start, step.end], itemStyle: { color: colour }, step };
    });
  }

  function waterfallOptions(flow) {
    const data = bars(flow);
    const name = ({ source }) => (source === null ? "Sum" : F.source(source));
    const text = { color: INK.ink, fontFamily: "system-ui, sans-serif", fontSize: 12 };
    return {
      animation: false,
      grid: { left: 120, right: 60, top: 4, bottom: 44 },
      xAxis: { type: "value", name: "log odds, natural log", nameLocation: "middle", nameGap: 26, nameTextStyle: text, axisLabel: { color: INK.muted }, splitLine: { lineStyle: { color: INK.rule } } },
      yAxis: { type: "category", inverse: true, data: data.map(({ step }) => name(step)), axisTick: { show: false }, axisLine: { show: false }, axisLabel: text },
      tooltip: { confine: true, renderMode: "richText", formatter: ({ data: { step } }) => `${name(step)} ${F.signed(step.value)}\nrunning sum ${F.signed(step.end)}` },
      series: [{
        type: "custom",
        renderItem: (parameters, api) => drawBar(api, F.signed(data[parameters.dataIndex].step.value)),
        encode: { x: [1, 2], y: 0 },
        data,
        label: { show: false },
        markLine: { silent: true, symbol: "none", label: { show: false }, lineStyle: { color: INK.muted, type: "solid" }, data: [{ xAxis: 0 }] },
      }],
    };
  }

  // Draws after the page has its width; gives back what is to be called when the page is left.
  function drawWaterfall(place, flow, label) {
    place.style.height = `${(flow.length + 1) * ROW_HEIGHT + 48}px`;
    place.setAttribute("role", "img");
    place.setAttribute("aria-label", label);
    const chart = echarts.init(place, null, { renderer: "svg" });
    chart.setOption(waterfallOptions(flow));
    const resize = () => chart.resize();
    window.addEventListener("resize", resize);
    return () => {
      window.removeEventListener("resize", resize);
      chart.dispose();
    };
  }

  function stepTable(flow) {
    const rows = flow.map(({ source, value, end }) => [F.source(source), exact(value, F.signed), exact(end, F.signed)]);
    return table({ caption: "The same in numbers", columns: [["Source", ""], ["Log odds", "num"], ["Running sum", "num"]], rows });
  }

  function verdict(target, locus) {
    const rank = `Rank ${F.count(target.gene_rank)} of ${F.plural(L2T.data.targets(target.disease).length, "gene")} for ${F.words(target.disease)}`;
    const reason = target.reason ? `: ${target.reason}` : "";
    const named = target.named ? "More than distance speaks for it." : "Only distance and its like speak for it.";
    const where = locus?.locus_class ? ` Class of its best locus: ${F.words(locus.locus_class)}.` : "";
    return `${F.words(target.mechanism)}. ${rank}, probability ${F.probability(target.probability)} (${F.words(target.status)}${reason}). ${named}${where}`;
  }

  const sentence = (row) => [`${F.source(row.source)} (`, exact(row.log_odds, F.signed), `): ${F.text(row.detail)}`];

  function supporting(evidence) {
    const raising = evidence.filter((row) => row.log_odds >= MENTIONED).sort((a, b) => b.log_odds - a.log_odds);
    return bullets(raising.map(sentence), "No evidence at the best locus raises the odds of this gene.");
  }

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

  function opposing(target, evidence, locus) {
    const lowering = evidence.filter((row) => row.log_odds < 0).sort((a, b) => a.log_odds - b.log_odds);
    const directions = new Set(evidence.map((row) => row.direction).filter((value) => !F.isMissing(value)).map(Math.sign));
    const none = locus?.none_probability;
    return bullets([
      ...lowering.map(sentence),
      ...loweringParts(target, evidence),
      ...(directions.size > 1 ? ["The evidence points in both directions: some of it says more, some of it less activity."] : []),
      ...(["WARN", "FAIL"].includes(locus?.ld_verdict) ? [`LD verdict of the locus ${locus.ld_verdict}: ${F.text(locus.ld_reason)}`] : []),
      ...rivals(target),
      ...(none >= RIVAL_PROBABILITY ? [["That the target is none of the candidates has probability ", exact(none, F.probability), "."]] : []),
    ], "Nothing in this run.");
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
    return [
      el("p", {}, el("b", {}, target.modulation === "unknown" ? "Unknown" : F.words(target.modulation)), ` (reliability ${F.words(target.modulation_reliability)}). ${F.text(target.modulation_reason)}`),
      el("p", { class: "hint" }, "It follows from genetic effects, which are lifelong and often small; it says nothing of feasibility or safety."),
    ];
  }

  // Supporting variants with the sources that name them, and the name that people use where the evidence gives one.
  function variantTable(target, evidence) {
    const keys = F.items(target.variants);
    if (!keys.length) return el("p", {}, "The evidence names no variant with a posterior at this locus.");
    const naming = (key) => evidence.filter((row) => row.log_odds !== 0 && F.items(row.variants).includes(key));
    const called = (key) => evidence.find((row) => F.items(row.variants)[0] === key && !F.isMissing(row.top_variant))?.top_variant;
    const sources = (key) => [...new Set(naming(key).map((row) => F.source(row.source)))].join(", ");
    return table({
      caption: "Supporting variants at the best locus; the locus page has all of them",
      columns: [["Variant, REF>ALT", ""], ["rsID, key and PIP where it leads the evidence", ""], ["Named by", ""]],
      rows: keys.map((key) => [el("span", { title: key }, F.variant(key)), F.text(called(key)), sources(key) || F.MISSING]),
    });
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

  function evidenceTable(rows) {
    if (!rows.length) return el("p", {}, "The page holds evidence rows of the loci it draws; those of this gene are in the run's evidence table. The parts above are complete.");
    const cells = (row) => [
      locusLink(row.locus), row.gene_id === NONE ? `${F.source(row.source)} (whole locus)` : F.source(row.source), [exact(row.value, F.number), " ", el("small", {}, row.unit)], exact(row.log_odds, F.signed), exact(row.log_odds_unweighted, F.signed),
      F.direction(row.direction), F.list(row.context), F.text(row.detail), [el("span", { class: "badge quiet" }, F.words(row.status)), " ", row.reason === row.detail ? "" : row.reason],
    ];
    return table({
      caption: "Evidence rows with weight, and what could not be found out, with the reason",
      columns: [["Locus", ""], ["Source", ""], ["Value", ""], ["Log odds", "num"], ["Unweighted", "num"], ["Direction", ""], ["Context", ""], ["Detail", "long"], ["Status and reason", "long"]],
      rows: rows.map(cells),
    });
  }

  function rivalTable(target) {
    const first = [...L2T.data.candidates(target.best_locus)].sort((a, b) => a.locus_rank - b.locus_rank).slice(0, RIVALS);
    const name = (row) => (row.gene_id === target.gene_id ? el("b", {}, row.gene_symbol) : el("a", { href: link.gene(target.disease, row.gene_id) }, row.gene_symbol));
    const none = L2T.data.locus(target.best_locus)?.none_probability;
    return table({
      caption: "First candidates at the best locus; all of them and “none of these genes” add up to 1",
      columns: [["Rank", "num"], ["Candidate", ""], ["Probability", "num"], ["Log odds", "num"]],
      rows: [
        ...first.map((row) => [F.count(row.locus_rank), name(row), exact(row.probability, F.probability), exact(row.log_odds, F.signed)]),
        ["", "none of these genes", exact(none, F.probability), ""],
      ],
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

  function render(container, { disease, gene_id }) {
    const target = L2T.data.target(disease, gene_id);
    if (!target) return L2T.app.notFound(container, `This run ranks no gene “${gene_id}” for “${disease}”.`);
    const locus = L2T.data.locus(target.best_locus);
    const all = L2T.data.evidence(disease, gene_id);
    const evidence = all.filter((row) => row.locus === target.best_locus);
    const ofLocus = L2T.data.evidence(disease, NONE).filter((row) => row.locus === target.best_locus);
    const local = evidence.filter((row) => row.source !== CONVERGENCE);
    const flow = steps(target.parts);
    const chart = el("div", { class: "waterfall-chart" });
    container.append(
      el("p", { class: "eyebrow" }, el("a", { href: link.disease(disease) }, F.words(disease)), " · gene", walk(target)),
      el("header", { class: "gene-head" }, el("h1", {}, target.gene_symbol, " ", el("small", {}, gene_id)), el("p", { class: "score" }, exact(target.probability, F.probability), el("small", {}, "probability"))),
      el("p", { class: "mechanism" }, verdict(target, locus)),
      reviewForm(target),
      el("div", { class: "columns" },
        el("div", {}, section("Why", supporting(local)), section("What speaks against it", opposing(target, local, locus)),
          section("What a drug would have to do", modulation(target)), section("Convergence across loci", convergence(target, evidence))),
        el("div", {}, section("Log odds, added up", chart, stepTable(flow)),
          el("p", { class: "hint" }, "At the best locus, ", locusLink(target.best_locus), ". The prior is one of the n candidates, ln(1/n). The sum competes with those of the other candidates and of “none of these genes”."),
          rivalTable(target))),
      section("Supporting variants", variantTable(target, local)),
      section("Tissues and cell types", contextTable(target, local)),
      section("Evidence", evidenceTable([...all, ...ofLocus])),
      section("Loci", lociTable(target)),
      section("Other diseases of the run", otherDiseases(target)),
      section("Annotations (not counted as evidence)", annotations(target)));
    return flow.length ? drawWaterfall(chart, flow, `Log odds of ${target.gene_symbol} by source, in total ${F.signed(flow.at(-1).end)}; the table below has the numbers`) : undefined;
  }

  L2T.views.gene = { render };
})();
