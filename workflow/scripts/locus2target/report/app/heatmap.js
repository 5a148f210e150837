"use strict";
// Saturation mutagenesis: the predicted change of every single-base change, a sequence logo made from it, and motifs.
(() => {
  const BASES = ["A", "C", "G", "T"];
  const BASE_COLOURS = { A: "#1a7f37", C: "#1f5fa8", G: "#9a5f00", T: "#b42318", N: "#56636f" };
  // Capitals in a box of 100 x 100, stretched to their height: exact in every font and in SVG.
  const LETTERS = {
    A: "M0 100L38 0L62 0L100 100L78 100L70 76L30 76L22 100ZM36 58L64 58L50 18Z",
    C: "M100 32C92 10 74 0 53 0C20 0 0 21 0 50C0 79 20 100 53 100C74 100 92 90 100 68L79 62C75 76 66 82 53 82C33 82 22 70 22 50C22 30 33 18 53 18C66 18 75 24 79 38Z",
    G: "M98 30C90 10 74 0 53 0C20 0 0 21 0 50C0 79 20 100 54 100C74 100 90 93 100 84L100 46L54 46L54 63L79 63L79 74C73 79 65 82 54 82C33 82 22 70 22 50C22 30 33 18 53 18C66 18 74 24 77 35Z",
    T: "M0 0L100 0L100 18L61 18L61 100L39 100L39 18L0 18Z",
  };
  const LEFT = 56;
  const RIGHT = 16;
  const LANE = 17;
  const LOGO = 92;
  const ROW = 24;
  const LETTER_WIDTH = 6.2;
  const BELOW = [33, 92, 160];
  const ABOVE = [178, 48, 38];

  // Blue below zero, white at zero, red above; the colour of a share of the largest size.
  function diverging(share) {
    const target = share < 0 ? BELOW : ABOVE;
    const mixed = target.map((channel) => Math.round(255 + (channel - 255) * Math.min(1, Math.abs(share))));
    return `rgb(${mixed.join(",")})`;
  }

  // Cells [position, row, value, place of the track's name], attribution per base (NaN without), and the largest size.
  function decode(locus, map) {
    const { [map.array]: stored, [map.track]: track, [map.attribution]: attribution } = locus.pack.arrays;
    const cells = [];
    stored.forEach((value, place) => {
      if (!Number.isNaN(value)) cells.push([map.start + Math.floor(place / 4) + 1, place % 4, value, track[place]]);
    });
    return { cells, attribution, limit: cells.reduce((most, [, , value]) => Math.max(most, Math.abs(value)), 0) || 1 };
  }

  // Motifs in lanes, so that neither words nor their names overlap at the width given.
  function packMotifs(map, width) {
    const perPixel = map.length / Math.max(1, width - LEFT - RIGHT);
    const free = [];
    return [...map.motifs]
      .sort((a, b) => a.start - b.start)
      .map((motif) => {
        const half = Math.max(motif.end - motif.start, motifText(motif).length * LETTER_WIDTH * perPixel) / 2;
        const middle = (motif.start + motif.end) / 2;
        let lane = free.findIndex((until) => until <= middle - half);
        if (lane < 0) lane = free.length;
        free[lane] = middle + half + 4 * perPixel;
        return { ...motif, lane };
      });
  }

  const motifText = (motif) => `${motif.name}${motif.strand ? ` ${motif.strand}` : ""}`;
  const inside = (box, left, right) => right > box.x && left < box.x + box.width;

  function drawCell(data) {
    return (params, api) => {
      const [left, top] = api.coord([api.value(0) - 0.5, api.value(1) - 0.5]);
      const [width, height] = api.size([1, 1]);
      if (!inside(params.coordSys, left, left + width)) return null;
      const shape = { x: left, y: top, width: width + 0.3, height };
      return { type: "rect", shape, style: { fill: diverging(api.value(2) / data.limit) } };
    };
  }

  function drawReference(map) {
    return (params, api) => {
      const [x, y] = api.coord([api.value(0), api.value(1)]);
      if (!inside(params.coordSys, x, x)) return null;
      const [width] = api.size([1, 1]);
      if (width < 9)
        return {
          type: "circle",
          shape: { cx: x, cy: y, r: Math.max(0.8, Math.min(2, width / 4)) },
          style: { fill: L2T.variants.COLOURS.muted },
        };
      const letter = map.ref[params.dataIndex];
      return {
        type: "text",
        style: {
          text: letter,
          x,
          y,
          align: "center",
          verticalAlign: "middle",
          fill: L2T.variants.COLOURS.muted,
          font: `600 11px ${L2T.variants.FONT}`,
        },
      };
    };
  }

  // A letter as tall as its attribution: above the line where the base holds the score up, below (paler) where it lowers it.
  function drawLetter(map) {
    return (params, api) => {
      const letter = map.ref[params.dataIndex];
      const value = api.value(1);
      const [left, end] = api.coord([api.value(0) - 0.5, value]);
      const [right, zero] = api.coord([api.value(0) + 0.5, 0]);
      if (!LETTERS[letter] || Number.isNaN(value) || !inside(params.coordSys, left, right)) return null;
      const shape = {
        pathData: LETTERS[letter],
        layout: "cover",
        x: left,
        y: Math.min(end, zero),
        width: right - left,
        height: Math.max(0.2, Math.abs(zero - end)),
      };
      return { type: "path", shape, style: { fill: BASE_COLOURS[letter], opacity: value < 0 ? 0.55 : 1 } };
    };
  }

  function drawMotif(motifs) {
    return (params, api) => {
      const motif = motifs[params.dataIndex];
      const { COLOURS, FONT } = L2T.variants;
      const [left, y] = api.coord([motif.start + 0.5, motif.lane]);
      const [right] = api.coord([motif.end + 0.5, motif.lane]);
      const box = params.coordSys;
      if (!inside(box, left, right)) return null;
      const half = (motifText(motif).length * LETTER_WIDTH) / 2;
      const x = Math.max(box.x + half, Math.min((left + right) / 2, box.x + box.width - half));
      const points = [
        [left, y + 8],
        [left, y + 5],
        [right, y + 5],
        [right, y + 8],
      ];
      const stroke = motif.holds_variant ? COLOURS.lead : COLOURS.accent;
      return {
        type: "group",
        children: [
          { type: "polyline", shape: { points }, style: { stroke, fill: "none", lineWidth: 1.3 } },
          {
            type: "text",
            style: { text: motifText(motif), x, y: y - 2, align: "center", verticalAlign: "middle", fill: stroke, font: `11px ${FONT}` },
          },
        ],
      };
    };
  }

  function drawFrame(map) {
    const [, position, ref] = map.variant.split(":");
    return (params, api) => {
      const [left, top] = api.coord([Number(position) - 0.5, -0.5]);
      const [right, bottom] = api.coord([Number(position) + ref.length - 0.5, 3.5]);
      const shape = { x: left, y: top, width: right - left, height: bottom - top };
      return { type: "rect", shape, style: { fill: "none", stroke: L2T.variants.COLOURS.ink, lineWidth: 1.6 } };
    };
  }

  const signed = (value) => `${value > 0 ? "+" : value < 0 ? "−" : ""}${Math.abs(value).toPrecision(3)}`;

  function hover(locus, map, data, motifs) {
    const { card } = L2T.variants;
    const place = (position) => `${locus.chromosome}:${L2T.format.count(position)}`;
    const unit = `change of ${map.scorer}`;
    return ({ seriesId, value, dataIndex }) => {
      if (seriesId === "cells")
        return card(change(locus, map, value), [
          [unit, signed(value[2])],
          ["Track", map.tracks[value[3]]],
        ]);
      if (seriesId === "logo")
        return card(
          `${place(value[0])} ${map.ref[dataIndex]}`,
          [["Attribution", signed(value[1])]],
          "minus the mean change of its substitutions",
        );
      if (seriesId !== "motifs") return null;
      return motifCard(locus, motifs[dataIndex]);
    };
  }

  function motifCard(locus, motif) {
    const pairs = [
      ["Place", L2T.format.region(locus.chromosome, motif.start, motif.end)],
      ["p of the shift", L2T.format.number(motif.p)],
      ["p of the match", L2T.format.pValue(motif.neg_log10_p)],
      ["Share of attribution", L2T.format.probability(motif.attribution_share)],
    ];
    return L2T.variants.card(motifText(motif), pairs, "the best of about a thousand: a small p alone does not make it real");
  }

  function axes(locus, map, lanes, data) {
    const { text, COLOURS } = L2T.variants;
    const x = (gridIndex, shown) => ({
      type: "value",
      gridIndex,
      min: map.start + 0.5,
      max: map.start + map.length + 0.5,
      minInterval: 1,
      splitLine: { show: false },
      axisTick: { show: shown },
      axisLine: { show: shown, onZero: false, lineStyle: { color: COLOURS.muted } },
      axisLabel: {
        show: shown,
        ...text(),
        hideOverlap: true,
        showMinLabel: false,
        showMaxLabel: false,
        formatter: (value) => L2T.format.count(value),
      },
      ...(shown
        ? { name: `position on chromosome ${locus.chromosome}`, nameLocation: "middle", nameGap: 24, nameTextStyle: text(11, COLOURS.ink) }
        : {}),
    });
    const y = (gridIndex, more) => ({
      type: "value",
      gridIndex,
      splitLine: { show: false },
      axisTick: { show: false },
      axisLine: { show: false },
      axisLabel: { show: false },
      ...more,
    });
    const attribution = Array.from(data.attribution).filter((value) => !Number.isNaN(value));
    const logo = {
      min: Math.min(0, ...attribution),
      max: Math.max(0, ...attribution) || 1,
      name: "logo",
      nameLocation: "middle",
      nameGap: 34,
      nameTextStyle: text(11, COLOURS.ink),
    };
    const labels = { show: true, ...text(11, COLOURS.ink), customValues: [0, 1, 2, 3], formatter: (value) => BASES[value] ?? "" };
    return {
      xAxis: [x(0, false), x(1, false), x(2, true)],
      yAxis: [
        y(0, { min: -0.5, max: lanes - 0.5, inverse: true }),
        y(1, logo),
        y(2, {
          min: -0.5,
          max: 3.5,
          inverse: true,
          axisLabel: labels,
          name: "new base",
          nameLocation: "middle",
          nameGap: 34,
          nameTextStyle: text(11, COLOURS.ink),
        }),
      ],
    };
  }

  function layout(lanes) {
    const heights = [lanes * LANE + 6, LOGO, ROW * 4];
    let top = 8;
    const grid = heights.map((height) => {
      const box = { left: LEFT, right: RIGHT, top, height, outerBoundsMode: "none" };
      top += height + 8;
      return box;
    });
    return { grid, height: top + 96 };
  }

  // Custom series take their colours from the code above; this scale only says what they mean.
  function colourScale(data) {
    const limit = Number(data.limit.toPrecision(2));
    return {
      type: "continuous",
      min: -data.limit,
      max: data.limit,
      calculable: false,
      orient: "horizontal",
      left: "center",
      bottom: 26,
      itemWidth: 10,
      itemHeight: 130,
      seriesIndex: [],
      hoverLink: false,
      text: [`+${limit}`, `−${limit}`],
      inRange: { color: [diverging(-1), diverging(0), diverging(1)] },
      textStyle: L2T.variants.text(),
    };
  }

  function series(locus, map, data, motifs) {
    const common = { type: "custom", animation: false, progressive: 0, clip: true };
    const position = (column) => map.start + column + 1;
    const references = [...map.ref].map((base, column) => [position(column), BASES.indexOf(base)]);
    return [
      {
        ...common,
        id: "motifs",
        xAxisIndex: 0,
        yAxisIndex: 0,
        clip: false,
        data: motifs.map((motif) => [motif.start, motif.lane]),
        renderItem: drawMotif(motifs),
      },
      {
        ...common,
        id: "logo",
        xAxisIndex: 1,
        yAxisIndex: 1,
        data: Array.from(data.attribution, (value, column) => [position(column), value]),
        renderItem: drawLetter(map),
      },
      { ...common, id: "cells", xAxisIndex: 2, yAxisIndex: 2, data: data.cells, renderItem: drawCell(data) },
      { ...common, id: "reference", xAxisIndex: 2, yAxisIndex: 2, silent: true, data: references, renderItem: drawReference(map) },
      { ...common, id: "frame", xAxisIndex: 2, yAxisIndex: 2, silent: true, z: 5, data: [[map.start, 0]], renderItem: drawFrame(map) },
    ];
  }

  function option(locus, map, width) {
    const data = decode(locus, map);
    const motifs = packMotifs(map, width);
    const lanes = 1 + Math.max(0, ...motifs.map((motif) => motif.lane));
    const { grid, height } = layout(lanes);
    const zoom = { xAxisIndex: [0, 1, 2], filterMode: "none", minValueSpan: 8 };
    return {
      height,
      option: {
        animation: false,
        grid,
        ...axes(locus, map, lanes, data),
        visualMap: colourScale(data),
        tooltip: L2T.variants.tooltip(hover(locus, map, data, motifs)),
        dataZoom: [
          { ...zoom, type: "inside", zoomOnMouseWheel: "ctrl" },
          {
            ...zoom,
            type: "slider",
            bottom: 4,
            height: 16,
            showDataShadow: false,
            brushSelect: false,
            labelFormatter: (value) => L2T.format.count(value),
          },
        ],
        series: series(locus, map, data, motifs),
      },
    };
  }

  function strongestCells(locus, map, count) {
    return decode(locus, map)
      .cells.sort((a, b) => Math.abs(b[2]) - Math.abs(a[2]))
      .slice(0, count);
  }

  const change = (locus, map, [position, row]) =>
    `${locus.chromosome}:${L2T.format.count(position)} ${map.ref[position - map.start - 1]}>${BASES[row]}`;

  function label(locus, map) {
    const [top] = strongestCells(locus, map, 1);
    const best = top ? ` Largest change: ${change(locus, map, top)}, ${signed(top[2])}.` : "";
    const motifs = map.motifs.length ? ` Motifs: ${map.motifs.map((motif) => motif.name).join(", ")}.` : " No motif is named.";
    return `Heat map of predicted changes of ${map.model} (${map.scorer}) for every substitution in ${map.length} bases around ${L2T.format.variant(map.variant)}.${best}${motifs}`;
  }

  function topTable(locus, map, count) {
    const rows = strongestCells(locus, map, count).map((cell) => [change(locus, map, cell), signed(cell[2]), map.tracks[cell[3]]]);
    const motifs = map.motifs.map((motif) => [
      motifText(motif),
      L2T.format.region(locus.chromosome, motif.start, motif.end),
      L2T.format.number(motif.p),
      L2T.format.pValue(motif.neg_log10_p),
      L2T.format.probability(motif.attribution_share),
      motif.holds_variant ? "yes" : "no",
    ]);
    const tables = [
      L2T.dom.table({
        caption: `The ${rows.length} largest predicted changes`,
        columns: [
          ["Substitution", ""],
          [`Change of ${map.scorer}`, "num"],
          ["Track", ""],
        ],
        rows,
      }),
    ];
    if (motifs.length)
      tables.push(
        L2T.dom.table({
          caption: "Named motifs",
          columns: [
            ["Motif", ""],
            ["Place", ""],
            ["p of the shift", "num"],
            ["p of the match", "num"],
            ["Share of attribution", "num"],
            ["Overlaps the variant", ""],
          ],
          rows: motifs,
        }),
      );
    return L2T.dom.el("div", {}, tables);
  }

  const caption = (map) => `${map.note} ${HOW_TO_READ}`;

  const HOW_TO_READ =
    "A cell is the predicted change when the base of its column is replaced by that of its row (red up, blue down); dots or letters in the cells are the reference, the frame is " +
    "the variant. A letter above is as tall as its base matters: minus the mean change of its substitutions; below the line it lowers the score. Motifs in violet overlap the variant. " +
    "All of it is a model's prediction, not a measurement.";

  L2T.heatmap = { option, decode, label, topTable, caption };
})();
