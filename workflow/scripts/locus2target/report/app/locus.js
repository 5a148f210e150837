"use strict";
// The page of a locus: what is known of it, its tracks, colocalization, mutagenesis, and what not to conclude.
(() => {
  const TOP = 15;
  const PRINTED_WIDTH = 680;
  const COLOC_HEIGHT = 360;
  const PAN = 0.2;
  const ZOOM = 0.6;
  const MARGIN = 0.1; // of the locus, on both sides of a variant that an address names
  const LEAST_MARGIN = 20000;
  const CLASS_KINDS = { clear: "good", contested: "warn" };
  const LD_KINDS = { PASS: "good", WARN: "warn", FAIL: "bad" };

  const el = (...rest) => L2T.dom.el(...rest);
  const F = () => L2T.format;
  const badge = (kind, text) => el("span", { class: `badge ${kind}` }, text);
  const regionOf = (facts) => F().region(facts.chromosome, facts.start, facts.end);

  // ---- what the tables say ----

  function neighbours(facts) {
    const own = L2T.data.run.loci.filter((row) => row.disease === facts.disease && row.chromosome);
    const place = own.findIndex((row) => row.locus === facts.locus);
    const link = (row, text, rel) =>
      row ? el("a", { href: L2T.router.link.locus(row.locus), rel, title: regionOf(row) }, text) : el("span", { class: "hint" }, text);
    return el(
      "nav",
      { "class": "locus-steps", "aria-label": "Loci of the disease" },
      link(own[place - 1], "← previous locus", "prev"),
      el(
        "span",
        {},
        place < 0 ? "" : `locus ${place + 1} of ${own.length} of `,
        el("a", { href: L2T.router.link.disease(facts.disease) }, F().words(facts.disease)),
      ),
      link(own[place + 1], "next locus →", "next"),
    );
  }

  // Whether the facts below the heading give the reason already.
  const isSaid = ({ reason, ld_reason: ldReason, verdict }) =>
    [ldReason, ...verdict].some((sentence) => sentence.toLowerCase().includes(reason.toLowerCase()));

  function heading(facts) {
    const { words } = L2T.data.run;
    const explained = (kind, text, meaning) => el("span", { class: `badge ${kind ?? "quiet"}`, title: meaning }, text);
    return [
      el("p", { class: "eyebrow" }, `Locus of ${F().words(facts.disease)} · study ${facts.study} · ${facts.locus}`),
      el("h1", {}, facts.chromosome ? regionOf(facts) : facts.locus),
      el(
        "p",
        { class: "badges" },
        explained(CLASS_KINDS[facts.locus_class], F().words(facts.locus_class), words.locus_class[facts.locus_class]),
        " ",
        explained(LD_KINDS[facts.ld_verdict], `LD ${facts.ld_verdict}`, words.ld_verdict[facts.ld_verdict]),
        " ",
        badge("quiet", `fine-mapping: ${facts.method}`),
        " ",
        facts.status === "ok" ? null : badge("warn", F().words(facts.status)),
      ),
      facts.reason && !isSaid(facts) ? el("p", { class: "note" }, facts.reason) : null,
    ];
  }

  const pOf = (facts) =>
    facts.lead_neg_log10_p === null
      ? "p not given"
      : `−log₁₀ p ${L2T.variants.digits(facts.lead_neg_log10_p)} (p = ${F().pValue(facts.lead_neg_log10_p)})`;

  function factList(facts) {
    const rows = [
      ["How clear it is", facts.verdict.join(" ")],
      ["LD verdict", `${facts.ld_verdict}. ${[L2T.data.run.words.ld_verdict[facts.ld_verdict], facts.ld_reason].filter(Boolean).join(" ")}`],
    ];
    if (facts.lead_variant) rows.push(["Lead variant", `${F().variant(facts.lead_variant)}, ${pOf(facts)}; it need not be causal`]);
    return el(
      "dl",
      { class: "locus-facts" },
      rows.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]),
    );
  }

  function cautions(facts) {
    return el("aside", { class: "cautions" }, el("h2", {}, "What not to conclude"), L2T.dom.bullets(facts.cautions, ""));
  }

  // ---- figures ----

  const button = (text, title, onclick) => el("button", { type: "button", class: "download", title, onclick }, text);
  const details = (summary, ...content) => el("details", {}, el("summary", {}, summary), content);

  // A figure with its heading, tools, chart and words; set(label, caption, table) renews the words.
  function figure(view, { name, title, rows, help }) {
    const holder = el("div", { "class": "chart", "role": "group", "tabindex": "0", "aria-roledescription": "interactive chart" });
    const caption = el("figcaption", {});
    const table = el("div", {});
    const tools = el("div", { class: "chart-tools" });
    const saved = () => [
      view.charts[name],
      `${title}, ${F().words(view.facts.disease)}, ${regionOf(view.facts)}`,
      `${view.facts.locus}.${name}`,
    ];
    const images = el(
      "span",
      { class: "chart-images" },
      button("PNG", `Save “${title}” as PNG`, () => L2T.variants.savePng(...saved())),
      " ",
      button("SVG", `Save “${title}” as SVG`, () => L2T.variants.saveSvg(...saved())),
    );
    const root = el(
      "figure",
      { class: `plot chart-${name}` },
      el("div", { class: "chart-head" }, el("h2", {}, title), tools, images),
      holder,
      help ? el("p", { class: "hint" }, help) : null,
      caption,
      details(rows, table),
    );
    const set = (label, words, content) => {
      holder.setAttribute("aria-label", label);
      caption.textContent = words;
      table.replaceChildren(content);
    };
    return { root, holder, tools, set };
  }

  function chartIn(view, name, holder, height, option) {
    holder.style.height = `${height}px`;
    const chart = view.charts[name] ?? echarts.init(holder);
    const isNew = !view.charts[name];
    view.charts[name] = chart;
    chart.resize({ width: view.width ?? holder.clientWidth, height });
    chart.setOption(option, { notMerge: true });
    return isNew;
  }

  function select(label, options, value, onChange) {
    const picker = el(
      "select",
      { "aria-label": label },
      options.map(([key, text]) => el("option", { value: key, selected: key === value }, text)),
    );
    picker.addEventListener("change", () => onChange(picker.value));
    return picker;
  }

  const labelled = (text, control) => el("label", {}, `${text} `, control);

  // ---- tracks ----

  function zoomOf(view) {
    const chart = view.charts.tracks;
    if (!chart) return { startValue: view.locus.start, endValue: view.locus.end };
    const [{ startValue, endValue }] = chart.getOption().dataZoom;
    return { startValue, endValue };
  }

  function zoomTo(view, from, to) {
    const { start, end } = view.locus;
    const span = Math.min(to - from, end - start);
    const startValue = Math.max(start, Math.min(from, end - span));
    view.charts.tracks.dispatchAction({ type: "dataZoom", dataZoomIndex: 0, startValue, endValue: startValue + span });
  }

  function zoomBy(view, factor) {
    const { startValue, endValue } = zoomOf(view);
    const half = ((endValue - startValue) / 2) * factor;
    const middle = (startValue + endValue) / 2;
    zoomTo(view, middle - half, middle + half);
  }

  function pan(view, share) {
    const { startValue, endValue } = zoomOf(view);
    const by = (endValue - startValue) * share;
    zoomTo(view, startValue + by, endValue + by);
  }

  function zoomToSets(view) {
    const inside = Array.from(view.locus.position).filter((_, index) => view.locus.set[index] > 0);
    const [from, to] = [Math.min(...inside), Math.max(...inside)];
    const margin = Math.max(2000, (to - from) * 0.15);
    zoomTo(view, from - margin, to + margin);
  }

  // Variants that the arrow keys walk through, the weightiest first.
  function walk(view, step) {
    const { strongest } = L2T.variants;
    const { pip, negLog10P } = view.locus;
    view.order ??= strongest(pip.some((value) => value > 0) ? pip : negLog10P, 100);
    view.place = Math.max(0, Math.min(view.order.length - 1, (view.place ?? -1) + step));
    if (view.order.length) pick(view, view.order[view.place]);
  }

  function pick(view, index) {
    const { locus, state, charts } = view;
    const key = L2T.variants.keyOf(locus, index);
    state.variant = index;
    bringIntoView(view, locus.position[index]);
    charts.tracks.setOption({ series: L2T.tracks.picked(locus, state) });
    if (state.trait !== null) charts.coloc.setOption({ series: [L2T.coloc.picked(locus, locus.traits[state.trait], index)] });
    if (key !== state.variantOfMap && locus.mutagenesis.some((map) => map.variant === key)) {
      state.variantOfMap = key;
      drawMap(view);
    }
    view.said.textContent = L2T.variants.sentence(locus, index);
    const effects = L2T.tracks.effectTable(locus, index);
    view.effects.replaceChildren(...(effects ? [effects] : []));
    if (key !== null) window.history.replaceState(null, "", L2T.router.link.variant(view.facts.locus, key));
  }

  // Moves the window, as wide as it is, where it does not show a position.
  function bringIntoView(view, position) {
    const { startValue, endValue } = zoomOf(view);
    const half = (endValue - startValue) / 2;
    if (position < startValue || position > endValue) zoomTo(view, position - half, position + half);
  }

  // The variant that the address names: picked, and the tracks zoomed to it; a word where the page does not name it.
  function pickNamed(view, name) {
    const { locus } = view;
    const index = L2T.variants.indexOf(locus, name);
    if (index === null) {
      const text = `This page does not name a variant “${name}” at this locus: it names those with a PIP of 0.001 or more, members of credible sets, and the lead variant. All are in the run's tables.`;
      view.body.prepend(el("p", { class: "message", role: "status" }, text));
      return;
    }
    const margin = Math.max(LEAST_MARGIN, (locus.end - locus.start) * MARGIN);
    zoomTo(view, locus.position[index] - margin, locus.position[index] + margin);
    view.onVariant(index);
  }

  function onKey(view, event) {
    const actions = {
      "ArrowLeft": () => pan(view, -PAN),
      "ArrowRight": () => pan(view, PAN),
      "ArrowUp": () => walk(view, -1),
      "ArrowDown": () => walk(view, 1),
      "+": () => zoomBy(view, ZOOM),
      "=": () => zoomBy(view, ZOOM),
      "-": () => zoomBy(view, 1 / ZOOM),
      "0": () => zoomTo(view, view.locus.start, view.locus.end),
      "Home": () => zoomTo(view, view.locus.start, view.locus.end),
    };
    if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(actions, event.key)) return;
    event.preventDefault();
    actions[event.key]();
  }

  function onClick(view, { seriesId, dataIndex, value }) {
    if (seriesId === "genes") setGene(view, view.drawn[dataIndex].gene_id);
    else if (/^(association|trait|pip|effects|coloc)/.test(seriesId))
      pick(view, value[2]);
  }

  function drawTracks(view) {
    const { holder } = view.figures.tracks;
    view.state.width = view.width ?? holder.clientWidth;
    const { option, height, genes } = L2T.tracks.option(view.locus, view.state, zoomOf(view));
    view.drawn = genes;
    if (chartIn(view, "tracks", holder, height, option)) view.charts.tracks.on("click", (event) => onClick(view, event));
  }

  // Genes to pick: candidates by rank, then the others that are drawn.
  function pickable({ candidates, genes }) {
    const ranked = [...candidates.values()].sort((a, b) => a.locus_rank - b.locus_rank).map((row) => row.gene_id);
    return [
      ["Candidates", ranked],
      ["Other genes", [...genes.keys()].filter((id) => !candidates.has(id))],
    ].filter(([, ids]) => ids.length);
  }

  const traitPlace = ({ traits }, geneId) => traits.findIndex((trait) => trait.gene_id === geneId);

  function geneText(locus, id) {
    const trait = locus.traits[traitPlace(locus, id)];
    return trait ? `${locus.symbolOf(id)}: ${L2T.coloc.h4Text(trait)} · ${trait.qtl} · ${F().words(trait.tissue)} · ${trait.qtl_type}` : locus.symbolOf(id);
  }

  function genePicker(view) {
    const { locus, state } = view;
    const groups = pickable(locus).map(([label, ids]) =>
      el("optgroup", { label }, ids.map((id) => el("option", { value: id, selected: id === state.gene }, geneText(locus, id)))),
    );
    const picker = el("select", { "aria-label": "Gene", "class": "gene" }, groups);
    picker.addEventListener("change", () => setGene(view, picker.value));
    return labelled("Gene", picker);
  }

  // What is known of the picked gene here, with the way to its page.
  function tellGene(view) {
    const { locus, state, facts } = view;
    if (state.gene === null) return;
    const candidate = locus.candidates.get(state.gene);
    const trait = locus.traits[state.trait];
    const rank = candidate
      ? `candidate ${candidate.locus_rank} of ${facts.n_candidates}, probability ${F().probability(candidate.probability)}`
      : "no candidate of this locus";
    const qtl = trait ? `QTL association: ${L2T.coloc.titleOf(trait)}, ${L2T.coloc.h4Text(trait)}` : "no QTL association of it is in the page";
    const picker = view.figures.tracks.tools.querySelector("select.gene");
    if (picker) picker.value = state.gene;
    view.gene.replaceChildren(el("b", {}, L2T.locusTables.geneLink(facts, state.gene, locus.symbolOf(state.gene))), `: ${rank}; ${qtl}.`);
  }

  function setGene(view, geneId) {
    const place = traitPlace(view.locus, geneId);
    Object.assign(view.state, { trait: place < 0 ? null : place, gene: geneId, symbol: view.locus.symbolOf(geneId) });
    drawTracks(view);
    drawColoc(view);
    tellGene(view);
  }

  function trackTools(view) {
    const { locus, state } = view;
    const redraw = (key) => (value) => {
      state[key] = value;
      drawTracks(view);
    };
    const rows = L2T.tracks.intervalRows(locus).length;
    const tools = [
      button("+", "Zoom in", () => zoomBy(view, ZOOM)),
      button("−", "Zoom out", () => zoomBy(view, 1 / ZOOM)),
      button("Whole locus", "Show all of it", () => zoomTo(view, locus.start, locus.end)),
    ];
    if (locus.credible_sets.length) tools.push(button("Credible sets", "Zoom to the credible sets", () => zoomToSets(view)));
    if (locus.genes.size || locus.candidates.size) tools.push(genePicker(view));
    const scores = L2T.tracks.scores(locus);
    if (scores.length)
      tools.push(
        labelled(
          "Effects of",
          select(
            "Model and score",
            scores.map(({ key, label, count }) => [key, `${label} (${count})`]),
            state.score,
            redraw("score"),
          ),
        ),
      );
    if (rows > L2T.tracks.MOST_ROWS) {
      const box = el("input", { type: "checkbox" });
      box.addEventListener("change", () => redraw("allContexts")(box.checked));
      tools.push(el("label", {}, box, ` all ${rows} contexts`));
    }
    return tools;
  }

  const trackCaption = (locus) =>
    "Association: coloured by r² with the lead variant (grey: no LD), credible sets ringed, dashed line p = 5×10⁻⁸. PIP: posterior inclusion probability, given the model. " +
    "Genes: candidates bold; the picked gene is highlighted. " +
    (locus.intervals.length
      ? "Peaks and links: the contexts that hold the most PIP; links run to the start of their gene, those of the picked gene violet. A variant in a peak or link lies in an active element of that cell type; that the disease acts through it is not shown. "
      : "") +
    "Predicted effects: ALT against REF in the score's own unit; filled where larger than 99% of random background changes, hollow without a background. " +
    `Numbers of named variants (PIP of 0.001 or more, members of credible sets, the lead) are exact to six digits; others are rounded (≈). ${locus.note}`;

  // ---- colocalization and mutagenesis ----

  function drawColoc(view) {
    const { figures, locus, state } = view;
    if (!figures.coloc) return;
    figures.coloc.root.hidden = state.trait === null;
    view.noColoc.hidden = state.trait !== null;
    view.noColoc.textContent = `No QTL association of ${state.symbol ?? "a gene"} is in the page: nothing to compare.`;
    if (state.trait === null) return;
    const { holder, set } = figures.coloc;
    const trait = locus.traits[state.trait];
    const isNew = chartIn(view, "coloc", holder, COLOC_HEIGHT, L2T.coloc.option(locus, trait, state.variant));
    if (isNew) view.charts.coloc.on("click", (event) => onClick(view, event));
    set(L2T.coloc.label(locus, trait), L2T.coloc.caption(trait), L2T.coloc.topTable(locus, trait, TOP));
  }

  const mapName = (map) => `${map.model} · ${map.scorer}`;
  const mapOf = (view) =>
    view.locus.mutagenesis.find((map) => map.variant === view.state.variantOfMap && mapName(map) === view.state.model);

  function mapTools(view) {
    const maps = view.locus.mutagenesis;
    const unique = (names) => [...new Set(names)];
    const models = unique(maps.filter((map) => map.variant === view.state.variantOfMap).map(mapName));
    if (!models.includes(view.state.model)) [view.state.model] = models;
    const change = (key, word) => (value) => {
      view.state[key] = value;
      drawMap(view);
      view.figures.mutagenesis.tools.querySelector(`[aria-label="${word}"]`).focus();
    };
    return [
      labelled(
        "Variant",
        select(
          "Variant",
          unique(maps.map((map) => map.variant)).map((key) => [key, F().variant(key)]),
          view.state.variantOfMap,
          change("variantOfMap", "Variant"),
        ),
      ),
      labelled(
        "Model",
        select(
          "Model",
          models.map((name) => [name, name]),
          view.state.model,
          change("model", "Model"),
        ),
      ),
    ];
  }

  function drawMap(view) {
    const { holder, set, tools } = view.figures.mutagenesis;
    tools.replaceChildren(...mapTools(view));
    const map = mapOf(view);
    const { option, height } = L2T.heatmap.option(view.locus, map, view.width ?? holder.clientWidth);
    chartIn(view, "mutagenesis", holder, height, option);
    set(L2T.heatmap.label(view.locus, map), L2T.heatmap.caption(map), L2T.heatmap.topTable(view.locus, map, TOP));
  }

  // ---- the view ----

  // The gene that is picked first: the best candidate that has QTL, otherwise the best candidate.
  function firstGene({ candidates, traits }) {
    const ranked = [...candidates.values()].sort((a, b) => a.locus_rank - b.locus_rank).map((row) => row.gene_id);
    return ranked.find((id) => traits.some((trait) => trait.gene_id === id)) ?? ranked[0] ?? null;
  }

  function startState(view) {
    const { locus } = view;
    const gene = firstGene(locus);
    const trait = traitPlace(locus, gene);
    const [map] = locus.mutagenesis;
    view.state = {
      trait: trait < 0 ? null : trait,
      gene,
      symbol: gene === null ? null : locus.symbolOf(gene),
      score: L2T.tracks.scores(locus)[0]?.key ?? null,
      allContexts: false,
      variant: null,
      variantOfMap: map?.variant ?? null,
      model: map ? mapName(map) : null,
      width: 0,
    };
  }

  const HELP =
    "Drag to move, Ctrl and wheel to zoom, or the slider. Keys: ← → move, + − zoom, 0 all, ↑ ↓ walk through the weightiest variants. Click a gene for its QTL association, a variant to hold its numbers.";

  function makeFigures(view) {
    const { locus } = view;
    const figures = { tracks: figure(view, { name: "tracks", title: "Tracks", rows: "Top variants as a table", help: HELP }) };
    if (locus.traits.length) figures.coloc = figure(view, { name: "coloc", title: "Disease against molecular trait", rows: "Top variants as a table" });
    if (locus.mutagenesis.length)
      figures.mutagenesis = figure(view, {
        name: "mutagenesis",
        title: "Saturation mutagenesis",
        rows: "Largest changes and motifs as tables",
      });
    return figures;
  }

  function buildFigures(view) {
    view.figures = makeFigures(view);
    const { tracks, coloc, mutagenesis } = view.figures;
    view.gene = el("p", { "class": "picked-gene", "aria-live": "polite" });
    view.said = el("output", { "class": "picked-variant", "aria-live": "polite" }, "No variant picked.");
    view.effects = el("div", { class: "picked-effects" });
    view.noColoc = el("p", { class: "note" }, "No QTL association of this locus is in the page: nothing to compare.");
    tracks.tools.append(...trackTools(view));
    tracks.holder.after(view.gene, view.said, view.effects);
    tracks.holder.addEventListener("keydown", (event) => onKey(view, event));
    const beside = [
      coloc ? el("div", {}, coloc.root, view.noColoc) : view.noColoc,
      mutagenesis?.root ?? el("p", { class: "note" }, "No saturation mutagenesis was made at this locus."),
    ];
    view.body.replaceChildren(
      tracks.root,
      el("div", { class: coloc && mutagenesis ? "chart-pair" : "" }, beside),
      ...L2T.locusTables.sections(view),
      cautions(view.facts),
    );
  }

  function drawAll(view) {
    drawTracks(view);
    drawColoc(view);
    if (view.figures.mutagenesis) drawMap(view);
  }

  function watchSize(view) {
    let width = view.body.clientWidth;
    const observer = new ResizeObserver(() => {
      if (view.body.clientWidth === width || view.width) return;
      width = view.body.clientWidth;
      drawAll(view);
    });
    const print = (printed) => () => {
      view.width = printed;
      drawAll(view);
    };
    const [before, after] = [print(PRINTED_WIDTH), print(null)];
    observer.observe(view.body);
    window.addEventListener("beforeprint", before);
    window.addEventListener("afterprint", after);
    view.leave = () => {
      observer.disconnect();
      window.removeEventListener("beforeprint", before);
      window.removeEventListener("afterprint", after);
    };
  }

  function draw(view, pack) {
    const start = performance.now();
    view.locus = L2T.variants.decode(pack, view.facts, L2T.data.candidates(view.facts.locus));
    startState(view);
    buildFigures(view);
    drawAll(view);
    tellGene(view);
    const { locus, figures } = view;
    const nameCell = (index) => L2T.locusTables.variantLink(view, L2T.variants.keyOf(locus, index), L2T.variants.nameOf(locus, index));
    figures.tracks.set(L2T.tracks.label(locus), trackCaption(locus), L2T.tracks.topTable(locus, TOP, nameCell));
    if (view.wanted !== undefined) pickNamed(view, view.wanted);
    watchSize(view);
    performance.measure("locus-page", { start, end: performance.now() }); // benchmarks/report.py and tests read it
  }

  async function fill(view) {
    try {
      const pack = await L2T.data.unpack(view.facts.locus);
      if (!view.left) draw(view, pack);
    } catch (problem) {
      if (!view.left) view.body.replaceChildren(el("p", { class: "note", role: "alert" }, problem.message), cautions(view.facts));
    }
  }

  function dispose(view) {
    view.left = true;
    view.leave?.();
    Object.values(view.charts).forEach((chart) => chart.dispose());
    if (L2T.charts === view.charts) L2T.charts = {};
  }

  // What a page of a locus keeps while it is shown; `wanted` is the variant that the address names.
  function newView(facts, wanted) {
    const toTracks = () => view.figures.tracks.root.scrollIntoView({ block: "start" });
    const view = { facts, wanted, charts: {}, left: false, body: el("div", { class: "locus-body" }, el("p", { class: "note" }, "Unpacking…")) };
    view.onVariant = (index) => {
      pick(view, index);
      toTracks();
    };
    view.onGene = (geneId) => {
      setGene(view, geneId);
      toTracks();
    };
    return view;
  }

  // The page of a locus; `variant` is picked when it is there.
  function render(container, { locus: id, variant }) {
    const facts = L2T.data.locus(id);
    if (!facts) {
      container.append(el("h1", {}, "No such locus"), el("p", {}, `This run has no locus “${id}”.`));
      return undefined;
    }
    const view = newView(facts, variant);
    L2T.charts = view.charts;
    container.append(
      el(
        "div",
        { class: "locus-page" },
        neighbours(facts),
        heading(facts),
        el("div", { class: "columns" }, factList(facts), L2T.locusTables.candidateTable(facts)),
        view.body,
      ),
    );
    if (facts.has_pack) fill(view);
    else
      view.body.replaceChildren(
        el("p", { class: "note" }, "The page holds no variants of this locus; they are in the run's tables."),
        cautions(facts),
      );
    return () => dispose(view);
  }

  L2T.views.locus = { render };
})();
