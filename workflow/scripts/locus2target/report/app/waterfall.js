"use strict";
// Log odds added up source by source: a chart, and the same numbers as a table.
(() => {
  const { el, table, exact } = L2T.dom;
  const F = L2T.format;
  const PRIOR = "prior";
  const ROW_HEIGHT = 26;
  const INK = { ink: "#1b2733", muted: "#56636f", rule: "#dde3e8", up: "#1d7a8c", down: "#b4523a" };

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

  function options(flow) {
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
  function draw(place, flow, label) {
    place.style.height = `${(flow.length + 1) * ROW_HEIGHT + 48}px`;
    place.setAttribute("role", "img");
    place.setAttribute("aria-label", label);
    const chart = echarts.init(place, null, { renderer: "svg" });
    chart.setOption(options(flow));
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

  L2T.waterfall = { steps, draw, stepTable };
})();
