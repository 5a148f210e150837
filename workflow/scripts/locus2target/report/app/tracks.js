"use strict";
// The tracks of a locus over one x axis: association, PIP, genes, peaks and links, QTL association, predicted effects.
(() => {
  const LEFT = 150;
  const RIGHT = 22;
  const TOP = 34;
  const GAP = 16;
  const BELOW = 78;
  const LANE = 26;
  const ROW = 15;
  const LETTER_WIDTH = 7.2;
  const MOST_ROWS = 10;
  const GENOME_WIDE = -Math.log10(5e-8);
  const SMALLEST_SPAN = 100;
  const EXTREME_QUANTILE = 0.99;
  const KINDS = { open_chromatin: "peaks", link: "links" };

  // ---- genes ----

  // Genes in lanes, first free lane first, so that neither bodies nor names overlap at the width given.
  function packGenes(locus, width) {
    const perPixel = (locus.end - locus.start) / Math.max(1, width - LEFT - RIGHT);
    const free = [];
    return [...locus.genes.values()]
      .sort((a, b) => a.start - b.start || a.end - b.end)
      .map((gene) => {
        const half = (geneText(gene).length * LETTER_WIDTH * perPixel) / 2;
        const left = Math.max(gene.start, locus.start);
        const right = Math.min(gene.end, locus.end);
        const middle = Math.max(locus.start + half, Math.min((left + right) / 2, locus.end - half));
        const from = Math.min(left, middle - half);
        const found = free.findIndex((until) => until <= from);
        const lane = found < 0 ? free.length : found;
        free[lane] = Math.max(right, middle + half) + 6 * perPixel;
        return { ...gene, lane };
      });
  }

  const geneText = (gene) => `${gene.strand === "-" ? "‹ " : ""}${gene.symbol}${gene.strand === "+" ? " ›" : ""}`;

  function geneColour(locus, gene) {
    return locus.candidates.has(gene.gene_id) ? L2T.variants.COLOURS.accent : L2T.variants.COLOURS.muted;
  }

  // Strand arrows along the body, a step apart.
  function arrows(gene, left, right, y, colour) {
    const tip = gene.strand === "-" ? -3 : 3;
    const shapes = [];
    for (let x = left + 12; x < right - 6; x += 26) {
      shapes.push({
        type: "polyline",
        shape: {
          points: [
            [x - tip, y - 3],
            [x, y],
            [x - tip, y + 3],
          ],
        },
        style: { stroke: colour, fill: "none", lineWidth: 1 },
      });
    }
    return gene.strand === "+" || gene.strand === "-" ? shapes : [];
  }

  function geneLabel(locus, state, gene, [left, right], y, box) {
    const { FONT, COLOURS } = L2T.variants;
    const candidate = locus.candidates.has(gene.gene_id);
    const half = (geneText(gene).length * LETTER_WIDTH) / 2;
    const x = Math.max(box.x + half, Math.min((left + right) / 2, box.x + box.width - half));
    const style = {
      text: geneText(gene),
      x,
      y: y - 11,
      align: "center",
      verticalAlign: "middle",
      fill: geneColour(locus, gene),
      font: `${candidate ? "700" : "400"} 11px ${FONT}`,
      backgroundColor: gene.gene_id === state.gene ? COLOURS.picked : "transparent",
      padding: [1, 2],
    };
    return { type: "text", style };
  }

  function drawGene(locus, state, genes) {
    return (params, api) => {
      const gene = genes[params.dataIndex];
      const box = params.coordSys;
      const [x1, y] = api.coord([gene.start + 1, gene.lane + 0.68]);
      const [x2] = api.coord([gene.end, gene.lane]);
      if (x2 < box.x || x1 > box.x + box.width) return null;
      const clip = (x) => Math.max(box.x, Math.min(x, box.x + box.width));
      const [left, right] = [clip(x1), clip(x2)];
      const fill = geneColour(locus, gene);
      const exons = gene.exons
        .map(([start, end]) => [clip(api.coord([start + 1, 0])[0]), clip(api.coord([end, 0])[0])])
        .filter(([from, to]) => to > box.x && from < box.x + box.width);
      return {
        type: "group",
        children: [
          { type: "rect", shape: { x: left, y: y - 9, width: Math.max(right - left, 1), height: 18 }, style: { fill: "transparent" } },
          { type: "rect", shape: { x: left, y: y - 0.75, width: Math.max(right - left, 1), height: 1.5 }, style: { fill } },
          ...arrows(gene, left, right, y, fill),
          ...exons.map(([from, to]) => ({
            type: "rect",
            shape: { x: from, y: y - 4, width: Math.max(to - from, 1.2), height: 8 },
            style: { fill },
          })),
          geneLabel(locus, state, gene, [left, right], y, box),
        ],
      };
    };
  }

  function geneCard(locus, gene) {
    const candidate = locus.candidates.get(gene.gene_id);
    const pairs = [
      ["Gene", gene.gene_id],
      ["Place", L2T.format.region(locus.chromosome, gene.start, gene.end)],
      ["Strand", gene.strand],
    ];
    if (candidate) pairs.push(["Probability", L2T.format.probability(candidate.probability)]);
    return L2T.variants.card(gene.symbol, pairs, candidate ? "Click: the gene's page" : "no candidate of this locus");
  }

  function genesPanel(locus, state) {
    const genes = packGenes(locus, state.width);
    const lanes = 1 + Math.max(0, ...genes.map((gene) => gene.lane));
    return {
      id: "genes",
      height: lanes * LANE,
      genes,
      yAxis: { ...bare("Genes"), type: "value", min: 0, max: lanes, inverse: true },
      series: (place) => [
        {
          id: "genes",
          type: "custom",
          animation: false,
          clip: false,
          ...place,
          data: genes.map((gene) => [gene.start, gene.lane, gene.end]),
          renderItem: drawGene(locus, state, genes),
          cursor: "pointer",
          tooltip: { formatter: ({ dataIndex }) => geneCard(locus, genes[dataIndex]) },
        },
      ],
    };
  }

  // ---- peaks and links ----

  const holds = (interval, position) => interval.start < position && position <= interval.end;

  // PIP that lies in at least one interval of a row.
  function massOf(intervals, weighty) {
    return weighty.reduce((mass, [position, pip]) => mass + (intervals.some((interval) => holds(interval, position)) ? pip : 0), 0);
  }

  // One row per kind and context, those that hold the most PIP first.
  function intervalRows(locus) {
    const rows = new Map();
    for (const interval of locus.intervals) {
      const key = `${interval.kind}\u0000${interval.context}`;
      if (!rows.has(key)) rows.set(key, { kind: interval.kind, context: interval.context, items: [] });
      rows.get(key).items.push(interval);
    }
    const weighty = [...locus.named.keys()]
      .map((index) => [locus.position[index], locus.pip[index]])
      .filter(([, pip]) => pip > 0);
    const all = [...rows.values()].map((row) => ({ ...row, mass: massOf(row.items, weighty) }));
    return all.sort((a, b) => b.mass - a.mass || a.kind.localeCompare(b.kind) || a.context.localeCompare(b.context));
  }

  const rowName = (row) => `${L2T.format.words(row.context)} · ${KINDS[row.kind] ?? row.kind}`;

  // Transcription start of a gene by symbol, 1-based; null when the pack does not draw it.
  function startOf(locus, symbol) {
    const gene = [...locus.genes.values()].find((each) => each.symbol === symbol);
    if (!gene) return null;
    return gene.strand === "-" ? gene.end : gene.start + 1;
  }

  function intervalColour(state, interval) {
    const { COLOURS } = L2T.variants;
    if (interval.kind !== "link") return COLOURS.muted;
    return interval.gene === state.symbol ? COLOURS.lead : COLOURS.link;
  }

  function drawInterval(locus, state, flat) {
    return (params, api) => {
      const { interval, row, tss } = flat[params.dataIndex];
      const [left, y] = api.coord([interval.start + 1, row]);
      const [right] = api.coord([interval.end, row]);
      const fill = intervalColour(state, interval);
      const children = [{ type: "rect", shape: { x: left, y: y - 4, width: Math.max(right - left, 2), height: 8 }, style: { fill } }];
      if (tss !== null) {
        const [to] = api.coord([tss, row]);
        const opacity = interval.gene === state.symbol ? 0.9 : 0.3;
        children.unshift({
          type: "line",
          silent: true,
          shape: { x1: (left + right) / 2, y1: y, x2: to, y2: y },
          style: { stroke: fill, lineWidth: 1, opacity },
        });
        children.push({
          type: "line",
          silent: true,
          shape: { x1: to, y1: y - 4, x2: to, y2: y + 4 },
          style: { stroke: fill, lineWidth: 1.5, opacity },
        });
      }
      return { type: "group", children };
    };
  }

  function intervalCard(locus, { interval }) {
    const pairs = [
      ["Kind", KINDS[interval.kind] ?? interval.kind],
      ["Place", L2T.format.region(locus.chromosome, interval.start, interval.end)],
    ];
    if (interval.gene) pairs.push(["Links to", interval.gene]);
    return L2T.variants.card(L2T.format.words(interval.context), pairs);
  }

  function intervalsPanel(locus, state) {
    const all = intervalRows(locus);
    const rows = state.allContexts ? all : all.slice(0, MOST_ROWS);
    const flat = rows.flatMap((row, place) =>
      row.items.map((interval) => ({ interval, row: place, tss: interval.gene ? startOf(locus, interval.gene) : null })),
    );
    const label = { ...L2T.variants.text(10), width: LEFT - 16, overflow: "truncate", interval: 0 };
    return {
      id: "intervals",
      height: rows.length * ROW,
      yAxis: {
        type: "category",
        data: rows.map(rowName),
        inverse: true,
        axisTick: { show: false },
        axisLine: { show: false },
        axisLabel: label,
        splitLine: { show: false },
      },
      series: (place) => [
        {
          id: "intervals",
          type: "custom",
          animation: false,
          progressive: 0,
          clip: true,
          ...place,
          data: flat.map(({ interval, row }) => [interval.start, row, interval.end]),
          renderItem: drawInterval(locus, state, flat),
          tooltip: { formatter: ({ dataIndex }) => intervalCard(locus, flat[dataIndex]) },
        },
      ],
    };
  }

  // ---- panels of variants ----

  function bare(name) {
    const { text, COLOURS } = L2T.variants;
    return {
      name,
      nameLocation: "middle",
      nameGap: 44,
      nameTextStyle: { ...text(11, COLOURS.ink), lineHeight: 14 },
      splitLine: { show: false },
      axisTick: { show: false },
      axisLine: { show: false },
      axisLabel: { show: false },
    };
  }

  function valueAxis(name, more) {
    const { text, COLOURS } = L2T.variants;
    return {
      ...bare(name),
      type: "value",
      splitNumber: 3,
      splitLine: { show: true, lineStyle: { color: COLOURS.rule } },
      axisLabel: { show: true, showMaxLabel: false, ...text(10) },
      ...more,
    };
  }

  const highest = (values) => values.reduce((most, value) => (value > most ? value : most), 0);
  const rounded = (value) => Math.ceil(value * 1.06);

  function threshold(locus, place) {
    const { COLOURS, text } = L2T.variants;
    return {
      id: "genome-wide",
      type: "line",
      ...place,
      animation: false,
      silent: true,
      symbol: "none",
      data: [
        [locus.start, GENOME_WIDE],
        [locus.end, GENOME_WIDE],
      ],
      lineStyle: { type: "dashed", width: 1, color: COLOURS.muted },
      endLabel: { show: true, formatter: "5×10⁻⁸", align: "right", offset: [-46, -8], ...text(10) },
      z: 1,
    };
  }

  function associationPanel(locus) {
    const points = Array.from(locus.negLog10P, (value, index) => [locus.position[index], value, index]);
    return {
      id: "association",
      height: 210,
      yAxis: valueAxis("Association\n−log₁₀ p", { min: 0, max: rounded(Math.max(8, highest(locus.negLog10P))), splitNumber: 5 }),
      series: (place) => [threshold(locus, place), ...L2T.variants.pointSeries(locus, "association", points, place)],
    };
  }

  function pipPanel(locus) {
    const { COLOURS, setsOf, setColour, setName } = L2T.variants;
    const points = Array.from(locus.pip, (value, index) => [locus.position[index], value, index]).filter(
      ([, value]) => !Number.isNaN(value),
    );
    const common = { type: "scatter", animation: false, progressive: 0, dimensions: ["x", "y", "index"] };
    const outside = points.filter(([, , index]) => locus.set[index] === 0);
    return {
      id: "pip",
      height: 84,
      yAxis: valueAxis("PIP", { min: 0, max: 1, interval: 0.5, axisLabel: { show: true, ...L2T.variants.text(10) } }),
      series: (place) => [
        {
          ...common,
          ...place,
          id: "pip-outside",
          data: outside,
          symbolSize: 4,
          large: true,
          largeThreshold: 400,
          itemStyle: { color: COLOURS.muted },
        },
        ...setsOf(locus).map((set) => ({
          ...common,
          ...place,
          id: `pip-set-${set}`,
          name: setName(locus, set),
          data: points.filter(([, , index]) => locus.set[index] === set),
          symbolSize: 7,
          itemStyle: { color: setColour(set) },
        })),
      ],
    };
  }

  function traitPanel(locus, state) {
    const trait = locus.traits[state.trait];
    const points = Array.from(trait.index, (index, place) => [locus.position[index], trait.negLog10P[place], index]);
    return {
      id: "trait",
      height: 130,
      yAxis: valueAxis(`${trait.symbol} ${trait.qtl_type}\n−log₁₀ p`, { min: 0, max: rounded(Math.max(4, highest(trait.negLog10P))) }),
      series: (place) => L2T.variants.pointSeries(locus, "trait", points, { ...place, tooltip: { formatter: traitHover(locus, trait) } }),
    };
  }

  function traitHover(locus, trait) {
    return ({ value }) => {
      const { nameOf, describe, card } = L2T.variants;
      const own = [`−log₁₀ p, ${trait.symbol}`, L2T.coloc.traitText(locus, trait, value[2])];
      return card(nameOf(locus, value[2]), [own, ...describe(locus, value[2])], L2T.coloc.titleOf(trait));
    };
  }

  const scored = (locus) => locus.effects.filter(({ value }) => value !== null);

  // Scores of the pack, those with the most variants first.
  function scores(locus) {
    const counts = new Map();
    for (const { model, scorer } of scored(locus)) {
      const key = `${model}\u0000${scorer}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    return [...counts]
      .sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]))
      .map(([key, count]) => ({ key, label: key.replace("\u0000", " · "), count }));
  }

  const effectsOf = (locus, score) => scored(locus).filter(({ model, scorer }) => `${model}\u0000${scorer}` === score);
  const quantileText = (quantile) =>
    quantile === null ? "no background" : `${(quantile * 100).toFixed(1)}% of background changes are smaller`;

  const effectText = ({ value }) => `${value > 0 ? "+" : ""}${String(value).replace("-", "−")}`;

  const symbolOf = (locus, geneId) => locus.genes.get(geneId)?.symbol ?? geneId;

  function effectCard(locus, effect) {
    const { card, nameOf, describe } = L2T.variants;
    const pairs = [
      [effect.scorer, effectText(effect)],
      ["Track", effect.track ?? "–"],
      ...(effect.gene_id ? [["Gene", symbolOf(locus, effect.gene_id)]] : []),
      ["Size", quantileText(effect.quantile)],
      ...describe(locus, effect.index),
    ];
    return card(nameOf(locus, effect.index), pairs, `${effect.model}: ALT against REF, predicted`);
  }

  // All predicted effects of one variant, also those that could not be had; null without any.
  function effectTable(locus, index) {
    const own = locus.effects.filter((effect) => effect.index === index);
    if (!own.length) return null;
    return L2T.dom.table({
      caption: `Predicted effects of ${L2T.variants.nameOf(locus, index)}: ALT against REF, of each score the track or gene with the largest`,
      columns: [
        ["Model", ""],
        ["Score", ""],
        ["Track", ""],
        ["Gene", ""],
        ["Effect", "num"],
        ["Among background changes", ""],
        ["Status", ""],
      ],
      rows: own.map((effect) => [
        effect.model,
        effect.scorer,
        effect.track ?? "–",
        effect.gene_id ? symbolOf(locus, effect.gene_id) : "–",
        effect.value === null ? "–" : effectText(effect),
        effect.value === null ? "–" : quantileText(effect.quantile),
        effect.value === null ? `${L2T.format.words(effect.status)}: ${effect.reason}` : L2T.format.words(effect.status),
      ]),
    });
  }

  // Filled: larger than 99% of background changes. Hollow: no background to compare with.
  function effectStyle(effect) {
    const { COLOURS } = L2T.variants;
    if (effect.quantile === null) return { color: COLOURS.paper, borderColor: COLOURS.muted, borderWidth: 1 };
    return {
      color: effect.quantile >= EXTREME_QUANTILE ? COLOURS.accent : COLOURS.muted,
      opacity: effect.quantile >= EXTREME_QUANTILE ? 1 : 0.55,
    };
  }

  function effectsPanel(locus, state) {
    const effects = effectsOf(locus, state.score);
    const data = effects.map((effect) => ({
      value: [locus.position[effect.index], effect.value, effect.index],
      itemStyle: effectStyle(effect),
    }));
    const most = highest(effects.map(({ value }) => Math.abs(value))) || 1;
    const bound = Number((most * 1.1).toPrecision(2));
    return {
      id: "effects",
      height: 96,
      yAxis: valueAxis("Predicted\neffect", {
        min: -bound,
        max: bound,
        interval: bound,
        axisLabel: { show: true, ...L2T.variants.text(10) },
      }),
      series: (place) => [
        {
          id: "effects",
          type: "scatter",
          animation: false,
          progressive: 0,
          ...place,
          data,
          symbolSize: 7,
          tooltip: { formatter: ({ dataIndex }) => effectCard(locus, effects[dataIndex]) },
        },
      ],
    };
  }

  // Height of a variant in each panel that draws variants.
  function heights(locus, state, index) {
    const trait = locus.traits[state.trait];
    return {
      association: locus.negLog10P[index],
      pip: locus.pip[index],
      trait: trait?.negLog10P[trait.placeOf.get(index)],
      effects: effectsOf(locus, state.score).find((effect) => effect.index === index)?.value,
    };
  }

  // The picked variant: a line through every panel, and a ring where it is drawn.
  function picked(locus, state) {
    const index = state.variant;
    const position = locus.position[index];
    const height = index === null ? {} : heights(locus, state, index);
    const lineStyle = { color: L2T.variants.COLOURS.ink, width: 1, type: "dotted" };
    return panelNames(locus, state).map((name) => ({
      ...L2T.variants.ring(`picked-${name}`, index === null ? null : [position, height[name], index]),
      markLine: { silent: true, symbol: "none", animation: false, lineStyle, label: { show: false }, data: index === null ? [] : [{ xAxis: position }] },
    }));
  }

  // ---- all together ----

  const PANELS = {
    association: associationPanel,
    pip: pipPanel,
    genes: genesPanel,
    intervals: intervalsPanel,
    trait: traitPanel,
    effects: effectsPanel,
  };

  function panelNames(locus, state) {
    const absent = { intervals: !locus.intervals.length, trait: state.trait === null, effects: state.score === null };
    return Object.keys(PANELS).filter((name) => !absent[name]);
  }

  const megabases = (value) => (value / 1e6).toFixed(3);

  function xAxis(locus, gridIndex, last) {
    const { text, COLOURS } = L2T.variants;
    return {
      type: "value",
      gridIndex,
      min: locus.start,
      max: locus.end,
      splitLine: { show: false },
      axisTick: { show: last },
      axisLine: { show: true, onZero: false, lineStyle: { color: last ? COLOURS.muted : COLOURS.rule } },
      axisLabel: { show: last, ...text(), formatter: megabases, hideOverlap: true, showMinLabel: false, showMaxLabel: false },
      axisPointer: {
        show: true,
        type: "line",
        snap: false,
        triggerTooltip: false,
        lineStyle: { color: COLOURS.muted, type: "dotted" },
        label: { show: last, formatter: ({ value }) => L2T.format.count(value), backgroundColor: COLOURS.ink },
      },
      ...(last
        ? {
            name: `position on chromosome ${locus.chromosome}, Mb`,
            nameLocation: "middle",
            nameGap: 24,
            nameTextStyle: text(11, COLOURS.ink),
          }
        : {}),
    };
  }

  function dataZoom(panels, zoom) {
    const common = { xAxisIndex: panels.map((_, place) => place), filterMode: "none", minValueSpan: SMALLEST_SPAN, ...zoom };
    return [
      { ...common, id: "inside", type: "inside", zoomOnMouseWheel: "ctrl", moveOnMouseWheel: false },
      {
        ...common,
        id: "slider",
        type: "slider",
        left: LEFT,
        right: RIGHT,
        bottom: 6,
        height: 18,
        showDataShadow: false,
        brushSelect: false,
        borderColor: "#7f8a96",
        labelFormatter: (value) => megabases(value),
      },
    ];
  }

  function legend(locus) {
    const { legendNames, text, COLOURS } = L2T.variants;
    return {
      type: "scroll",
      data: legendNames(locus),
      top: 4,
      left: LEFT,
      right: RIGHT,
      itemWidth: 10,
      itemHeight: 10,
      itemGap: 12,
      textStyle: text(11, COLOURS.ink),
      pageIconSize: 10,
    };
  }

  const hover =
    (locus) =>
    ({ value }) => {
      const { card, nameOf, describe } = L2T.variants;
      return card(nameOf(locus, value[2]), describe(locus, value[2]));
    };

  // The option of the chart, its height, and the genes as drawn. zoom: {startValue, endValue}.
  function option(locus, state, zoom) {
    const panels = panelNames(locus, state).map((name) => PANELS[name](locus, state));
    const grid = [];
    let top = TOP;
    for (const panel of panels) {
      grid.push({ left: LEFT, right: RIGHT, top, height: panel.height, outerBoundsMode: "none" });
      top += panel.height + GAP;
    }
    return {
      height: top - GAP + BELOW,
      genes: panels.find((panel) => panel.id === "genes").genes,
      option: {
        animation: false,
        grid,
        legend: legend(locus),
        tooltip: L2T.variants.tooltip(hover(locus)),
        axisPointer: { link: [{ xAxisIndex: "all" }] },
        dataZoom: dataZoom(panels, zoom),
        xAxis: panels.map((_, place) => xAxis(locus, place, place === panels.length - 1)),
        yAxis: panels.map((panel, place) => ({ ...panel.yAxis, gridIndex: place })),
        series: [
          ...panels.flatMap((panel, place) => panel.series({ xAxisIndex: place, yAxisIndex: place })),
          ...picked(locus, state).map((series, place) => ({ ...series, xAxisIndex: place, yAxisIndex: place })),
        ],
      },
    };
  }

  function label(locus) {
    const { nameOf, strongest, pText, isExact } = L2T.variants;
    const best = strongest(locus.negLog10P, 1)
      .map((index) => ` Strongest: ${nameOf(locus, index)}, −log₁₀ p ${pText(locus.negLog10P[index], isExact(locus, index))}.`)
      .join("");
    const sets = locus.credible_sets.length ? `${L2T.format.plural(locus.credible_sets.length, "credible set")}.` : "No credible set.";
    return `Tracks of ${L2T.format.plural(locus.n, "variant")}, ${L2T.format.plural(locus.genes.size, "gene")} and ${L2T.format.plural(locus.intervals.length, "peak or link", "peaks and links")} of ${L2T.format.region(locus.chromosome, locus.start, locus.end)}.${best} ${sets} The table below lists the top variants.`;
  }

  const rowOf = (pairs) => Array.from({ length: 6 }, (_, place) => pairs[place]?.[1] ?? L2T.format.MISSING); // z may be missing

  function topTable(locus, count, nameCell) {
    const { strongest, describe } = L2T.variants;
    const byPip = strongest(locus.pip, count).filter((index) => locus.pip[index] > 0);
    const top = byPip.length ? byPip : strongest(locus.negLog10P, count);
    return L2T.dom.table({
      caption: `The ${top.length} variants with the highest ${byPip.length ? "PIP" : "association"} (all are in the run's tables)`,
      columns: [
        ["Variant", ""],
        ["Position", "num"],
        ["−log₁₀ p", "num"],
        ["r² with the lead", "num"],
        ["PIP", "num"],
        ["Credible set", ""],
        ["z of ALT", "num"],
      ],
      rows: top.map((index) => [nameCell(index), ...rowOf(describe(locus, index))]),
    });
  }

  L2T.tracks = { option, picked, label, topTable, effectTable, scores, intervalRows, MOST_ROWS };
})();
