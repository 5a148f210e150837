"use strict";
// The page of a locus: what is known of it, its tracks, colocalization, mutagenesis, and what not to conclude.
(() => {
  const TOP = 15;
  const PRINTED_WIDTH = 680;
  const COLOC_HEIGHT = 360;
  const PAN = 0.2;
  const ZOOM = 0.6;
  const LARGE_SET = 50;
  const FEW_SHARED = 100;
  const CLASSES = {
    clear: ["good", "Clear: one gene reaches the configured probability, and more than distance speaks for it."],
    contested: ["warn", "Contested: more than distance speaks for some candidate, but no gene is settled on."],
    no_local_evidence: ["quiet", "No local evidence: only distance, other signals and convergence tell candidates apart."],
    not_ranked: ["quiet", "Not ranked: no gene of this locus has a probability."],
  };
  const VERDICTS = {
    PASS: ["good", "The cohort's LD fits the statistics."],
    WARN: ["warn", "The cohort's LD fits the statistics only in part."],
    FAIL: ["bad", "The cohort's LD does not fit the statistics."],
    NONE: ["quiet", "There was no LD to judge."],
  };
  const METHOD_CAUTIONS = {
    abf: "Fine-mapped without LD, as one signal: further independent signals of the locus are not told apart.",
    lead: "Only the lead variant is known here: which variant is causal was not estimated.",
    imported: "Fine-mapped elsewhere: how well the LD behind these PIPs fits was not seen here.",
  };

  const el = (...rest) => L2T.dom.el(...rest);
  const F = () => L2T.format;
  const badge = (kind, text) => el("span", { class: `badge ${kind}` }, text);
  const regionOf = (facts) => F().region(facts.chromosome, facts.start, facts.end);

  // ---- what the tables say ----

  function neighbours(facts) {
    const own = L2T.data.run.loci.filter((row) => row.disease === facts.disease);
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
        `locus ${place + 1} of ${own.length} of `,
        el("a", { href: L2T.router.link.disease(facts.disease) }, F().words(facts.disease)),
      ),
      link(own[place + 1], "next locus →", "next"),
    );
  }

  function heading(facts) {
    const [classKind] = CLASSES[facts.locus_class] ?? ["quiet"];
    const [ldKind] = VERDICTS[facts.ld_verdict] ?? ["quiet"];
    return [
      el("p", { class: "eyebrow" }, `Locus of ${F().words(facts.disease)} · study ${facts.study} · ${facts.locus}`),
      el("h1", {}, regionOf(facts)),
      el(
        "p",
        { class: "badges" },
        badge(classKind, F().words(facts.locus_class)),
        " ",
        badge(ldKind, `LD ${facts.ld_verdict}`),
        " ",
        badge("quiet", `fine-mapping: ${facts.method}`),
        " ",
        facts.status === "ok" ? null : badge("warn", F().words(facts.status)),
      ),
      facts.reason && facts.reason !== facts.ld_reason ? el("p", { class: "note" }, facts.reason) : null,
    ];
  }

  function leader(facts) {
    if (facts.top_gene === null || facts.top_probability === null) return "no gene has a probability";
    const margin =
      facts.margin === null ? "" : `, ${F().fixed(facts.margin, 2)} more than the next of ${F().plural(facts.n_candidates, "candidate")}`;
    return `${facts.top_gene}, probability ${F().probability(facts.top_probability)}${margin}`;
  }

  const pOf = (facts) => (facts.lead_neg_log10_p === null ? "p not given" : `p = ${F().pValue(facts.lead_neg_log10_p)}`);

  function factList(facts) {
    const [, meaning] = CLASSES[facts.locus_class] ?? ["", facts.locus_class];
    const [, verdict] = VERDICTS[facts.ld_verdict] ?? ["", ""];
    const rows = [
      [
        "How clear it is",
        `${meaning}${facts.abstains ? " The ranking abstains: no target is named here, and the order of the candidates is no answer." : ""}`,
      ],
      ["Most probable gene", leader(facts)],
      [
        "None of the candidates",
        facts.none_probability === null
          ? F().MISSING
          : `probability ${F().probability(facts.none_probability)} that the target is none of them`,
      ],
      ["Lead variant", `${F().variant(facts.lead_variant)}, ${pOf(facts)}; it need not be causal`],
      ["LD verdict", `${facts.ld_verdict}. ${facts.ld_reason || verdict}`],
    ];
    return el(
      "dl",
      { class: "locus-facts" },
      rows.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]),
    );
  }

  function candidateTable(facts) {
    const rows = [...L2T.data.candidates(facts.locus)].sort((a, b) => a.locus_rank - b.locus_rank);
    if (!rows.length) return el("p", { class: "note" }, "No candidate gene was ranked at this locus.");
    const gene = (row) => el("a", { href: L2T.router.link.gene(facts.disease, row.gene_id) }, row.gene_symbol);
    const cells = rows.map((row) => [
      F().count(row.locus_rank),
      gene(row),
      F().probability(row.probability),
      F().signed(row.log_odds),
      row.named ? "yes" : "no",
      F().words(row.status),
    ]);
    const before = rows.filter((row, place) => row.locus_rank === place + 1).length; // “none of these” has the first rank that no gene has
    if (facts.none_probability !== null)
      cells.splice(before, 0, [F().count(before + 1), "none of these", F().probability(facts.none_probability), "", "", ""]);
    return L2T.dom.table({
      caption: "Candidates of the locus: probability that the gene is its target",
      columns: [
        ["Rank", "num"],
        ["Gene", ""],
        ["Probability", "num"],
        ["Log odds", "num"],
        ["More than distance", ""],
        ["Status", ""],
      ],
      rows: cells,
    });
  }

  // ---- what not to conclude ----

  function mappingCautions(facts) {
    const sentences = METHOD_CAUTIONS[facts.method] ? [METHOD_CAUTIONS[facts.method]] : [];
    if (facts.ld_verdict === "WARN")
      sentences.push("The LD fits the statistics only in part: PIPs near 1 may be artefacts of the mismatch.");
    if (facts.ld_verdict === "FAIL") sentences.push("The cohort's LD does not fit the statistics, so nothing here rests on it.");
    return sentences;
  }

  function packCautions(locus) {
    const sentences = [];
    const sizes = locus.credible_sets.map((_, place) => locus.set.filter((set) => set === place + 1).length);
    const noLd = locus.r2.filter(Number.isNaN).length;
    const noPip = locus.pip.filter(Number.isNaN).length;
    const sharing = locus.traits.filter((trait) => trait.posterior_h4 > 0.5);
    const genes = new Set(sharing.map((trait) => trait.gene_id)).size;
    if (noLd)
      sentences.push(
        `${F().count(noLd)} of ${F().count(locus.n)} variants have no LD with the lead and are grey: grey does not mean independent.`,
      );
    if (noPip && noPip < locus.n)
      sentences.push(`${F().count(noPip)} of ${F().count(locus.n)} variants have no PIP: the causal variant may be among them.`);
    if (Math.max(0, ...sizes) >= LARGE_SET)
      sentences.push(
        `A credible set of ${Math.max(...sizes)} variants names a region, not a variant: do not pick one of them by PIP alone.`,
      );
    if (genes > 1)
      sentences.push(`${genes} genes colocalize (H4 above 0.5): a shared causal variant does not say which of them causes the disease.`);
    if (sharing.length)
      sentences.push("A high H4 says that both traits have the same causal variant or two in strong LD, which cannot be told apart.");
    if (sharing.some((trait) => trait.n < FEW_SHARED))
      sentences.push(`Some H4 rest on fewer than ${FEW_SHARED} shared variants, which cannot well tell one causal variant from two.`);
    if (locus.intervals.length)
      sentences.push(
        "A variant in a peak or link lies in an active element of that cell type; that the disease acts through it is not shown.",
      );
    if (locus.effects.length || locus.mutagenesis.length) sentences.push("Sequence scores are a model's predictions, not measurements.");
    return sentences;
  }

  function cautions(facts, locus) {
    const sentences = [
      ...mappingCautions(facts),
      ...(locus ? packCautions(locus) : []),
      "Candidates are genes near the lead variant. A target outside that distance can only appear as “none of these genes”.",
    ];
    return el("aside", { class: "cautions" }, el("h2", {}, "What not to conclude"), L2T.dom.bullets(sentences, ""));
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
    view.state.variant = index;
    view.charts.tracks.setOption({ series: L2T.tracks.picked(view.locus, view.state) });
    view.said.textContent = L2T.variants.sentence(view.locus, index);
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
    if (seriesId === "genes") {
      const gene = view.drawn[dataIndex];
      if (view.locus.candidates.has(gene.gene_id)) L2T.router.go(L2T.router.link.gene(view.facts.disease, gene.gene_id));
    } else if (/^(association|trait|pip|effects|coloc)/.test(seriesId)) {
      pick(view, value[2]);
    }
  }

  function drawTracks(view) {
    const { holder } = view.figures.tracks;
    view.state.width = view.width ?? holder.clientWidth;
    const { option, height, genes } = L2T.tracks.option(view.locus, view.state, zoomOf(view));
    view.drawn = genes;
    if (chartIn(view, "tracks", holder, height, option)) view.charts.tracks.on("click", (event) => onClick(view, event));
  }

  function traitPicker(view) {
    const { traits } = view.locus;
    const order = view.traitOrder;
    const text = (place) =>
      `${L2T.coloc.h4Text(traits[place])} · ${traits[place].qtl} · ${F().words(traits[place].tissue)} · ${traits[place].qtl_type}`;
    const genes = [...new Set(order.map((place) => traits[place].gene_id))];
    const groups = genes.map((id) => {
      const own = order.filter((place) => traits[place].gene_id === id);
      return el(
        "optgroup",
        { label: traits[own[0]].symbol },
        own.map((place) => el("option", { value: place, selected: place === view.state.trait }, `${traits[place].symbol}: ${text(place)}`)),
      );
    });
    const picker = el("select", { "aria-label": "Gene and QTL set", "class": "trait" }, groups);
    picker.addEventListener("change", () => setTrait(view, Number(picker.value)));
    return labelled("QTL of", picker);
  }

  function setTrait(view, place) {
    const trait = view.locus.traits[place];
    Object.assign(view.state, { trait: place, gene: trait.gene_id, symbol: trait.symbol });
    drawTracks(view);
    drawColoc(view);
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
    if (locus.traits.length) tools.push(traitPicker(view));
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
    "Genes: candidates bold; the picked gene is highlighted. Peaks and links: the contexts that hold the most PIP; links run to the start of their gene, those of the picked gene violet. " +
    "Predicted effects: ALT against REF in the score's own unit; filled where larger than 99% of random background changes, hollow without a background. " +
    `Drawn values are rounded (−log₁₀ p to 0.01, r² to 0.004); exact ones are in the run's tables. ${locus.note ?? ""}`;

  // ---- colocalization and mutagenesis ----

  function drawColoc(view) {
    const { holder, set } = view.figures.coloc;
    const trait = view.locus.traits[view.state.trait];
    const isNew = chartIn(view, "coloc", holder, COLOC_HEIGHT, L2T.coloc.option(view.locus, trait));
    if (isNew) view.charts.coloc.on("click", (event) => onClick(view, event));
    set(L2T.coloc.label(view.locus, trait), L2T.coloc.caption(trait), L2T.coloc.topTable(view.locus, trait, TOP));
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
    set(L2T.heatmap.label(view.locus, map), L2T.heatmap.CAPTION, L2T.heatmap.topTable(view.locus, map, TOP));
  }

  // ---- the view ----

  // The gene that is picked first: the best candidate that has QTL, otherwise the trait with the highest H4.
  function firstTrait(locus, order) {
    const ranked = [...locus.candidates.values()].sort((a, b) => a.locus_rank - b.locus_rank);
    const best = ranked.find((row) => locus.traits.some((trait) => trait.gene_id === row.gene_id));
    const place = order.find((each) => locus.traits[each].gene_id === best?.gene_id);
    return place ?? order[0] ?? null;
  }

  function startState(view) {
    const { locus } = view;
    view.traitOrder = L2T.variants.strongest(
      locus.traits.map((trait) => trait.posterior_h4 ?? 0),
      locus.traits.length,
    );
    const trait = firstTrait(locus, view.traitOrder);
    const [map] = locus.mutagenesis;
    view.state = {
      trait,
      gene: trait === null ? null : locus.traits[trait].gene_id,
      symbol: trait === null ? null : locus.traits[trait].symbol,
      score: L2T.tracks.scores(locus)[0]?.key ?? null,
      allContexts: false,
      variant: null,
      variantOfMap: map?.variant ?? null,
      model: map ? mapName(map) : null,
      width: 0,
    };
  }

  const HELP =
    "Drag to move, Ctrl and wheel to zoom, or the slider. Keys: ← → move, + − zoom, 0 all, ↑ ↓ walk through the weightiest variants. Click a candidate gene for its page, a variant to hold its numbers.";

  function buildFigures(view) {
    const { locus } = view;
    const figures = { tracks: figure(view, { name: "tracks", title: "Tracks", rows: "Top variants as a table", help: HELP }) };
    if (view.state.trait !== null)
      figures.coloc = figure(view, { name: "coloc", title: "Colocalization", rows: "Top variants as a table" });
    if (locus.mutagenesis.length)
      figures.mutagenesis = figure(view, {
        name: "mutagenesis",
        title: "Saturation mutagenesis",
        rows: "Largest changes and motifs as tables",
      });
    view.figures = figures;
    view.said = el("output", { "class": "picked-variant", "aria-live": "polite" }, "No variant picked.");
    figures.tracks.tools.append(...trackTools(view));
    figures.tracks.holder.after(view.said);
    figures.tracks.holder.addEventListener("keydown", (event) => onKey(view, event));
    const beside = [
      figures.coloc?.root ?? el("p", { class: "note" }, "No QTL association of this locus is in the page: nothing to compare."),
      figures.mutagenesis?.root ?? el("p", { class: "note" }, "No saturation mutagenesis was made at this locus."),
    ];
    view.body.replaceChildren(
      figures.tracks.root,
      el("div", { class: figures.coloc && figures.mutagenesis ? "chart-pair" : "" }, beside),
      cautions(view.facts, locus),
    );
  }

  function drawAll(view) {
    drawTracks(view);
    if (view.figures.coloc) drawColoc(view);
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
    view.figures.tracks.set(L2T.tracks.label(view.locus), trackCaption(view.locus), L2T.tracks.topTable(view.locus, TOP));
    watchSize(view);
    performance.measure("locus-page", { start, end: performance.now() }); // benchmarks/report.py and tests read it
  }

  async function fill(view) {
    try {
      const pack = await L2T.data.unpack(view.facts.locus);
      if (!view.left) draw(view, pack);
    } catch (problem) {
      if (!view.left) view.body.replaceChildren(el("p", { class: "note", role: "alert" }, problem.message), cautions(view.facts, null));
    }
  }

  function dispose(view) {
    view.left = true;
    view.leave?.();
    Object.values(view.charts).forEach((chart) => chart.dispose());
    if (L2T.charts === view.charts) L2T.charts = {};
  }

  function render(container, { locus: id }) {
    const facts = L2T.data.locus(id);
    if (!facts) {
      container.append(el("h1", {}, "No such locus"), el("p", {}, `This run has no locus “${id}”.`));
      return undefined;
    }
    const view = { facts, charts: {}, body: el("div", { class: "locus-body" }, el("p", { class: "note" }, "Unpacking…")), left: false };
    L2T.charts = view.charts;
    container.append(
      el(
        "div",
        { class: "locus-page" },
        neighbours(facts),
        heading(facts),
        el("div", { class: "columns" }, factList(facts), candidateTable(facts)),
        view.body,
      ),
    );
    if (facts.has_pack) fill(view);
    else
      view.body.replaceChildren(
        el("p", { class: "note" }, "The page holds no variants of this locus; they are in the run's tables."),
        cautions(facts, null),
      );
    return () => dispose(view);
  }

  L2T.views.locus = { render };
})();
