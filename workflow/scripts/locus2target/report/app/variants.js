"use strict";
// What the charts of a locus share: its decoded pack, colours of LD and credible sets, tooltips, and images to keep.
(() => {
  const COLOURS = {
    ink: "#1b2733",
    muted: "#56636f",
    rule: "#dde3e8",
    accent: "#0b5f73",
    paper: "#ffffff",
    lead: "#6b2c91",
    link: "#7a4f00",
    picked: "#fdf1d3",
  };
  // r2 with the lead in [0, 0.2) ... [0.8, 1], blue to red as in regional plots elsewhere; each at least 3:1 on white.
  const BINS = [
    { name: "no LD", colour: "#7f8a96" },
    { name: "r² 0–0.2", colour: "#3b4cc0" },
    { name: "0.2–0.4", colour: "#2f8fb8" },
    { name: "0.4–0.6", colour: "#38964a" },
    { name: "0.6–0.8", colour: "#c27a10" },
    { name: "0.8–1", colour: "#cf3a2c" },
  ];
  const SET_COLOURS = ["#1b2733", "#9c2a1f", "#0b5f73", "#6b2c91", "#7a4f00", "#1c6639"];
  const FONT = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', sans-serif"; // no double quotes: ECharts writes it into SVG as it is
  const POINT = 6;
  const RING = 11;
  const IMAGE_RATIO = 2;

  // Values of one array, NaN where there is none.
  function values(pack, name) {
    const { scale, missing } = pack.header.arrays.find((entry) => entry.name === name);
    return Float64Array.from(pack.arrays[name], (stored) => (stored === missing ? NaN : stored / scale));
  }

  // Numbers from the steps between them.
  function places(steps, first) {
    let place = first;
    return Uint32Array.from(steps, (step) => {
      place += step;
      return place;
    });
  }

  // An association of a molecular trait: rounded as packed, exact where the pack says so. placeOf: by index of the variant.
  function trait(pack, facts, symbol) {
    const index = places(pack.arrays[facts.arrays.step], 0);
    const negLog10P = values(pack, facts.arrays.neg_log10_p);
    const placeOf = new Map(Array.from(index, (variant, place) => [variant, place]));
    for (const [variant, exact] of Object.entries(facts.exact)) negLog10P[placeOf.get(Number(variant))] = exact;
    return { ...facts, symbol, index, negLog10P, placeOf };
  }

  // Exact numbers in the place of packed ones.
  function putExact({ named, negLog10P, r2, pip }) {
    for (const [index, row] of named) {
      negLog10P[index] = row.neg_log10_p ?? NaN;
      r2[index] = row.r_lead === null ? NaN : row.r_lead ** 2;
      pip[index] = row.pip ?? NaN;
    }
  }

  // A locus with numbers as they are meant: the pack, its row of run data and the candidates by gene id.
  function decode(pack, facts, candidates) {
    const { header, arrays } = pack;
    const genes = new Map(header.genes.map((gene) => [gene.gene_id, gene]));
    const competing = new Map(candidates.map((row) => [row.gene_id, row]));
    const symbolOf = (id) => genes.get(id)?.symbol ?? competing.get(id)?.gene_symbol ?? id;
    const locus = {
      ...header,
      facts,
      pack,
      genes,
      candidates: competing,
      symbolOf,
      named: new Map(header.named.map((row) => [row.index, row])),
      position: places(arrays.step, header.first),
      negLog10P: values(pack, "neg_log10_p"),
      r2: values(pack, "r2"),
      pip: values(pack, "pip"),
      set: arrays.credible_set,
      traits: header.qtl.map((each) => trait(pack, each, symbolOf(each.gene_id))),
    };
    putExact(locus);
    return locus;
  }

  const binOf = (r2) => (Number.isNaN(r2) ? 0 : 1 + Math.min(4, Math.floor(r2 * 5)));
  const setColour = (set) => SET_COLOURS[(set - 1) % SET_COLOURS.length];
  // The number of the table; 0 is the single effect over all variants.
  const setNumber = (locus, set) => String(locus.credible_sets[set - 1] || "0 (single effect)");
  const setName = (locus, set) => `credible set ${setNumber(locus, set)}`;
  const setsOf = (locus) => locus.credible_sets.map((_, place) => place + 1);

  // "rs1 1:2:A:G"; of a variant without a name the place alone.
  function nameOf(locus, index) {
    const row = locus.named.get(index);
    if (!row) return `${locus.chromosome}:${L2T.format.count(locus.position[index])}`;
    return row.rsid === null || row.rsid === "" || row.rsid === row.variant ? row.variant : `${row.rsid} ${row.variant}`;
  }

  const keyOf = (locus, index) => locus.named.get(index)?.variant ?? null;

  // Index of a variant by key or rsID among the named ones; null when there is none.
  function indexOf(locus, name) {
    if (L2T.format.isMissing(name)) return null;
    for (const [index, row] of locus.named) if (row.variant === name || row.rsid === name) return index;
    return null;
  }

  // One list of points per colour of LD; points are [x, y, index of the variant].
  function byBin(locus, points) {
    const bins = BINS.map(() => []);
    for (const point of points) bins[binOf(locus.r2[point[2]])].push(point);
    return bins;
  }

  // Points in the colours of LD, the sets ringed, the lead on top. Large mode draws each series as one path.
  function pointSeries(locus, id, points, place) {
    const known = points.filter((point) => !Number.isNaN(point[0]) && !Number.isNaN(point[1]));
    const common = { type: "scatter", animation: false, progressive: 0, dimensions: ["x", "y", "index"], ...place };
    const dots = byBin(locus, known).map((data, bin) => ({
      ...common,
      id: `${id}-ld-${bin}`,
      name: BINS[bin].name,
      data,
      symbolSize: POINT,
      large: true,
      largeThreshold: 400,
      z: 2,
      itemStyle: { color: BINS[bin].colour, opacity: 1 },
    }));
    const rings = setsOf(locus).map((set) => ({
      ...common,
      id: `${id}-set-${set}`,
      name: setName(locus, set),
      data: known.filter((point) => locus.set[point[2]] === set),
      symbolSize: RING,
      silent: true,
      z: 3,
      itemStyle: { color: "transparent", borderColor: setColour(set), borderWidth: 1.6 },
    }));
    const lead = {
      ...common,
      id: `${id}-lead`,
      name: "lead variant",
      data: known.filter((point) => point[2] === locus.lead_index),
      symbol: "diamond",
      symbolSize: 13,
      z: 4,
      itemStyle: { color: COLOURS.lead, borderColor: COLOURS.paper, borderWidth: 1 },
    };
    return [...dots, ...rings, lead];
  }

  const legendNames = (locus) => {
    const seen = new Set(Array.from(locus.r2, binOf));
    return [
      "lead variant",
      ...BINS.filter((_, bin) => seen.has(bin)).map(({ name }) => name),
      ...setsOf(locus).map((set) => setName(locus, set)),
    ];
  };

  // Named variants have exact numbers, here to six digits; all others were rounded for drawing, which ≈ says.
  const digits = (value) => String(Number(value.toPrecision(6)));
  const isExact = (locus, index) => locus.named.has(index);

  function pText(value, exact) {
    if (Number.isNaN(value)) return "not known";
    return exact ? `${digits(value)} (p = ${L2T.format.pValue(value)})` : `≈ ${value.toFixed(2)} (p ≈ ${L2T.format.pValue(value)})`;
  }

  function r2Text(value, exact) {
    if (Number.isNaN(value)) return "not known";
    return exact ? digits(value) : `≈ ${value.toFixed(2)}`;
  }

  function pipText(pip, exact) {
    if (Number.isNaN(pip)) return "none: outside the LD panel or not fine-mapped";
    if (exact) return digits(pip);
    return pip < 0.0001 ? "<0.0001" : `≈ ${pip.toFixed(4)}`;
  }

  const setText = (locus, index) => (locus.set[index] ? setNumber(locus, locus.set[index]) : "none");

  // [name, value] pairs of what is known of one variant.
  function describe(locus, index) {
    const exact = isExact(locus, index);
    const z = locus.named.get(index)?.z_score ?? null;
    return [
      ["Position", `${locus.chromosome}:${L2T.format.count(locus.position[index])}`],
      ["−log₁₀ p", pText(locus.negLog10P[index], exact)],
      ["r² with the lead", r2Text(locus.r2[index], exact)],
      ["PIP", pipText(locus.pip[index], exact)],
      ["Credible set", setText(locus, index)],
      ...(z === null ? [] : [["z of ALT", digits(z).replace("-", "−")]]),
    ];
  }

  // A tooltip as elements: names from the run are text, never markup.
  function card(title, pairs, note) {
    const { el } = L2T.dom;
    const rows = pairs.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]);
    return el("div", { class: "chart-tip" }, el("b", {}, title), el("dl", {}, rows), note ? el("small", {}, note) : null);
  }

  const sentence = (locus, index) =>
    `${nameOf(locus, index)}: ${describe(locus, index)
      .slice(1)
      .map(([name, value]) => `${name} ${value}`)
      .join("; ")}`;

  // Indices of the variants with the largest value, NaN left out.
  function strongest(rank, count) {
    return Array.from(rank.keys())
      .filter((place) => !Number.isNaN(rank[place]))
      .sort((a, b) => rank[b] - rank[a])
      .slice(0, count);
  }

  // A ring around the picked variant, without data where nothing is picked: [x, y, index].
  const ring = (id, point) => ({
    id,
    type: "scatter",
    animation: false,
    silent: true,
    symbolSize: 18,
    z: 6,
    data: point === null || point.some((value) => value === undefined || Number.isNaN(value)) ? [] : [point],
    itemStyle: { color: "transparent", borderColor: COLOURS.ink, borderWidth: 2 },
  });

  const tooltip = (formatter) => ({
    trigger: "item",
    confine: true,
    transitionDuration: 0,
    backgroundColor: COLOURS.ink,
    borderWidth: 0,
    padding: [6, 10],
    textStyle: { color: "#ffffff", fontFamily: FONT, fontSize: 12 },
    formatter,
  });

  const text = (size = 11, color = COLOURS.muted) => ({ color, fontSize: size, fontFamily: FONT });

  // The chart drawn again beside the page, with its title, as an image of its own.
  function redraw(chart, title, renderer) {
    const holder = document.createElement("div");
    const image = echarts.init(holder, null, {
      renderer,
      width: chart.getWidth(),
      height: chart.getHeight() + 30,
      devicePixelRatio: IMAGE_RATIO,
    });
    const option = chart.getOption();
    const lower = (box) => ({ ...box, top: typeof box.top === "number" ? box.top + 30 : box.top });
    image.setOption({
      ...option,
      animation: false,
      backgroundColor: COLOURS.paper,
      grid: option.grid.map(lower),
      dataZoom: (option.dataZoom ?? []).map((zoom) => ({ ...zoom, show: false })),
      legend: (option.legend ?? []).map(lower),
      title: { text: title, left: 8, top: 6, textStyle: { ...text(14, COLOURS.ink), fontWeight: 600 } },
    });
    return image;
  }

  function savePng(chart, title, name) {
    const image = redraw(chart, title, "canvas");
    image.renderToCanvas({ pixelRatio: IMAGE_RATIO, backgroundColor: COLOURS.paper }).toBlob((blob) => {
      L2T.dom.download(`${name}.png`, blob.type, blob);
      image.dispose();
    });
  }

  function saveSvg(chart, title, name) {
    const image = redraw(chart, title, "svg");
    L2T.dom.download(`${name}.svg`, "image/svg+xml", image.renderToSVGString());
    image.dispose();
  }

  L2T.variants = {
    COLOURS,
    BINS,
    FONT,
    decode,
    binOf,
    setColour,
    setName,
    setsOf,
    nameOf,
    keyOf,
    indexOf,
    isExact,
    pointSeries,
    legendNames,
    describe,
    card,
    sentence,
    strongest,
    tooltip,
    text,
    digits,
    pText,
    pipText,
    ring,
    savePng,
    saveSvg,
  };
})();
