"use strict";
// Locus plots and mutagenesis heat maps, drawn on canvas from the JSON that follows each of them.
(() => {
  const INK = "#1b2733", MUTED = "#5a6774", RULE = "#d9dfe5", ACCENT = "#0b5f73", GENE = "#98a3ae";
  const FONT = "px system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";
  const LEFT = 52, RIGHT = 12;
  const tip = document.getElementById("tip");

  function prepare(canvas, height) {
    const width = canvas.parentElement.clientWidth, ratio = Math.max(window.devicePixelRatio || 1, 2);
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    canvas.style.height = `${height}px`;
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    return [context, width];
  }

  function write(context, text, x, y, { colour = MUTED, size = 11, align = "left", weight = "" } = {}) {
    context.fillStyle = colour;
    context.font = `${weight} ${size}${FONT}`;
    context.textAlign = align;
    context.fillText(text, x, y);
  }

  function line(context, x1, y1, x2, y2, colour, dash = []) {
    context.strokeStyle = colour;
    context.lineWidth = 1;
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(x1, y1);
    context.lineTo(x2, y2);
    context.stroke();
    context.setLineDash([]);
  }

  function dot(context, x, y, radius, colour) {
    context.fillStyle = colour;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
  }

  function step(range, count) {
    const raw = range / count, power = 10 ** Math.floor(Math.log10(raw));
    return power * [1, 2, 5, 10].find((factor) => factor * power >= raw);
  }

  function axis(context, left, top, bottom, highest, count, title, digits) {
    const scale = (value) => bottom - (value / highest) * (bottom - top);
    const by = step(highest, count);
    for (let value = 0; value <= highest + 1e-9; value += by) {
      line(context, LEFT, scale(value), left, scale(value), value === 0 ? MUTED : RULE);
      write(context, value.toFixed(digits(by)), LEFT - 6, scale(value) + 4, { align: "right" });
    }
    context.save();
    context.translate(12, (top + bottom) / 2);
    context.rotate(-Math.PI / 2);
    write(context, title, 0, 0, { align: "center", colour: INK });
    context.restore();
    return scale;
  }

  const decimals = (by) => Math.max(0, -Math.floor(Math.log10(by) + 1e-9));
  const r2Colour = (data, r2) => (r2 === null ? data.colours.no_ld : data.colours.r2[Math.min(4, Math.floor(r2 * 5))]);

  function legend(context, data, right) {
    const bins = data.colours.r2.map((colour, bin) => [`${bin === 4 ? "r² " : ""}${(bin / 5).toFixed(1)}–${((bin + 1) / 5).toFixed(1)}`, colour]);
    const known = data.r2.some((r2) => r2 !== null);
    let x = right;
    for (const [label, colour] of [["no LD", data.colours.no_ld], ...(known ? bins : []), ["lead variant", data.colours.lead]]) {
      context.font = `11${FONT}`;
      x -= context.measureText(label).width;
      write(context, label, x, 13);
      dot(context, x - 8, 9, 4, colour);
      x -= 26;
    }
  }

  function drawGenes(context, data, x, top) {
    for (const [symbol, start, end, strand, lane, probability, exons] of data.genes) {
      const y = top + 22 + lane * 26, colour = probability === null ? GENE : ACCENT;
      const left = Math.max(x(start + 1), LEFT), right = Math.min(x(end), x(data.end));
      context.fillStyle = colour;
      context.fillRect(left, y - 1, Math.max(right - left, 1), 2);
      for (const [from, to] of exons) {
        const a = Math.max(x(from + 1), LEFT), b = Math.min(x(to), x(data.end));
        if (b > a - 1) context.fillRect(a, y - 4, Math.max(b - a, 1), 8);
      }
      const name = (strand === "-" ? "‹ " : "") + symbol + (strand === "+" ? " ›" : "");
      const score = probability === null || probability < 0.01 ? "" : ` ${probability.toFixed(2)}`;
      const style = { align: "center", size: 10, colour: probability === null ? MUTED : ACCENT, weight: score ? "600" : "" };
      context.font = `${style.weight} 10${FONT}`;
      const half = context.measureText(name + score).width / 2;
      const middle = Math.max(LEFT + half, Math.min((left + right) / 2, x(data.end) - half));
      write(context, name + score, middle, y - 8, style);
    }
  }

  function drawLocus(canvas, data) {
    const assocTop = 24, assocBottom = 244, pipTop = 266, pipBottom = 346, geneTop = 356;
    const bottom = geneTop + 14 + data.lanes * 26;
    const [context, width] = prepare(canvas, bottom + 36);
    const right = width - RIGHT;
    const x = (position) => LEFT + ((position - data.start) / (data.end - data.start)) * (right - LEFT);
    const highest = Math.max(...data.neg_log10_p, 8) * 1.05;
    const y = axis(context, right, assocTop, assocBottom, highest, 5, "−log₁₀ p", decimals);
    line(context, LEFT, y(-Math.log10(5e-8)), right, y(-Math.log10(5e-8)), MUTED, [4, 3]);
    const points = data.offset.map((offset, index) => ({
      index, x: x(data.start + offset), y: y(data.neg_log10_p[index]),
    }));
    const order = [...points].sort((a, b) => (data.r2[a.index] ?? -1) - (data.r2[b.index] ?? -1));
    for (const point of order) dot(context, point.x, point.y, 2.5, r2Colour(data, data.r2[point.index]));
    if (data.lead !== null) {
      const { x: cx, y: cy } = points[data.lead];
      context.fillStyle = data.colours.lead;
      context.beginPath();
      [[0, -6], [6, 0], [0, 6], [-6, 0]].forEach(([dx, dy]) => context.lineTo(cx + dx, cy + dy));
      context.fill();
    }
    legend(context, data, right);
    const pip = axis(context, right, pipTop, pipBottom, 1, 2, "PIP", decimals);
    for (const point of points) {
      const value = data.pip[point.index];
      if (value === null) continue;
      const inside = data.set[point.index] !== null;
      if (inside) line(context, point.x, pip(0), point.x, pip(value), ACCENT);
      dot(context, point.x, pip(value), inside ? 3 : 1.5, inside ? ACCENT : GENE);
    }
    if (data.pip.every((value) => value === null)) write(context, "not fine-mapped", (LEFT + right) / 2, (pipTop + pipBottom) / 2, { align: "center" });
    drawGenes(context, data, x, geneTop);
    const by = step(data.end - data.start, 6);
    line(context, LEFT, bottom, right, bottom, MUTED);
    for (let tick = Math.ceil(data.start / by) * by; tick <= data.end; tick += by) {
      line(context, x(tick), bottom, x(tick), bottom + 4, MUTED);
      write(context, (tick / 1e6).toFixed(Math.max(1, decimals(by / 1e6))), x(tick), bottom + 17, { align: "center" });
    }
    write(context, `chromosome ${data.chromosome}, Mb`, (LEFT + right) / 2, bottom + 32, { align: "center", colour: INK });
    return (at) => describeVariant(data, points, at, pipTop, pip);
  }

  function describeVariant(data, points, at, pipTop, pip) {
    let best = null, nearest = 144; // within 12 px
    for (const point of points) {
      const value = data.pip[point.index];
      const py = at.y < pipTop - 10 ? point.y : value === null ? Infinity : pip(value);
      const distance = (point.x - at.x) ** 2 + (py - at.y) ** 2;
      if (distance < nearest) [best, nearest] = [point.index, distance];
    }
    if (best === null) return null;
    const show = (name, value) => (value === null ? `${name} not known` : `${name} ${value}`);
    const position = (data.start + data.offset[best]).toLocaleString("en");
    return [
      `${data.chromosome}:${position} ${data.alleles[best]}`,
      `−log₁₀ p ${data.neg_log10_p[best].toFixed(2)}`,
      show("PIP", data.pip[best]),
      show("r² with lead", data.r2[best]),
      data.set[best] === null ? "outside credible sets" : `credible set ${data.set[best]}`,
    ].join("\n");
  }

  // Blue below zero, white at zero, red above.
  function diverging(share) {
    const [r, g, b] = share < 0 ? [33, 92, 160] : [178, 48, 38];
    const mix = (channel) => Math.round(255 + (channel - 255) * Math.min(1, Math.abs(share)));
    return `rgb(${mix(r)},${mix(g)},${mix(b)})`;
  }

  const BASE_COLOURS = { A: "#1a7f37", C: "#1f5fa8", G: "#b26a00", T: "#b42318", N: MUTED };

  // Letters as tall as their attribution: above the line where the base raises the score, below where it lowers it.
  function drawLogo(context, data, top, height, cell) {
    const highest = Math.max(...data.attribution, 0), lowest = Math.min(...data.attribution, 0);
    const scale = height / (highest - lowest || 1), zero = top + highest * scale;
    line(context, LEFT, zero, LEFT + cell * data.attribution.length, zero, RULE);
    write(context, "logo", LEFT - 8, zero + 4, { align: "right" });
    data.attribution.forEach((value, column) => {
      const letter = data.reference[column], tall = Math.abs(value) * scale;
      if (tall < 1) return;
      context.save();
      context.font = `700 100${FONT}`;
      context.textAlign = "center";
      context.fillStyle = BASE_COLOURS[letter];
      const box = context.measureText(letter);
      const capital = box.actualBoundingBoxAscent;
      context.translate(LEFT + (column + 0.5) * cell, value > 0 ? zero : zero + tall);
      context.scale(cell / Math.max(box.width, 1), tall / capital);
      context.fillText(letter, 0, 0);
      context.restore();
    });
  }

  function drawMotifs(context, data, y, cell, right) {
    for (const [start, end, name, strand] of data.motifs) {
      const left = LEFT + start * cell, until = LEFT + end * cell;
      line(context, left, y, until, y, ACCENT);
      line(context, left, y, left, y + 4, ACCENT);
      line(context, until, y, until, y + 4, ACCENT);
      const text = `${name} ${strand}`;
      context.font = `10${FONT}`;
      const half = context.measureText(text).width / 2;
      write(context, text, Math.max(LEFT + half, Math.min((left + until) / 2, right - half)), y - 4, { align: "center", size: 10, colour: ACCENT });
    }
  }

  function drawHeatMap(canvas, data) {
    const logo = 70, motifs = 18, top = motifs + logo + 26, row = 18, size = data.reference.length;
    const [context, width] = prepare(canvas, top + 4 * row + 44);
    const cell = (width - LEFT - RIGHT) / size;
    const limit = data.limit || 1;
    drawMotifs(context, data, motifs, cell, width - RIGHT);
    drawLogo(context, data, motifs + 6, logo, cell);
    [..."ACGT"].forEach((base, index) => {
      write(context, base, LEFT - 8, top + index * row + 13, { align: "right", colour: INK });
      data.values[index].forEach((value, column) => {
        const [x, y] = [LEFT + column * cell, top + index * row];
        context.fillStyle = value === null ? "#eef1f4" : diverging(value / limit);
        context.fillRect(x, y, cell + 0.3, row);
        if (data.reference[column] === base) dot(context, x + cell / 2, y + row / 2, Math.min(2, cell / 4), MUTED);
      });
    });
    if (cell >= 7) [...data.reference].forEach((base, column) => write(context, base, LEFT + (column + 0.5) * cell, top - 8, { align: "center", size: 10 }));
    const centre = LEFT + (data.centre - data.first) * cell;
    context.strokeStyle = INK;
    context.lineWidth = 1.5;
    context.strokeRect(centre, top - 1, cell, 4 * row + 2);
    const base = top + 4 * row;
    write(context, `${data.chromosome}:${data.first.toLocaleString("en")}`, LEFT, base + 18);
    write(context, (data.first + size - 1).toLocaleString("en"), width - RIGHT, base + 18, { align: "right" });
    const middle = (LEFT + width - RIGHT) / 2;
    for (let part = -60; part < 60; part++) {
      context.fillStyle = diverging(part / 60);
      context.fillRect(middle + part, base + 26, 1, 8);
    }
    write(context, `−${limit.toPrecision(2)}`, middle - 66, base + 34, { align: "right" });
    write(context, `+${limit.toPrecision(2)}`, middle + 66, base + 34);
    return (at) => {
      const column = Math.floor((at.x - LEFT) / cell), index = Math.floor((at.y - top) / row);
      const value = data.values[index]?.[column];
      if (value === undefined || value === null) return null;
      const place = `${data.chromosome}:${(data.first + column).toLocaleString("en")} ${data.reference[column]}>${"ACGT"[index]}`;
      return `${place}\n${value > 0 ? "+" : "−"}${Math.abs(value)} ${data.tracks[data.track[index][column]]}`;
    };
  }

  function show(canvas, draw) {
    const data = JSON.parse(canvas.nextElementSibling.textContent);
    let describe = draw(canvas, data);
    let drawn = canvas.parentElement.clientWidth;
    new ResizeObserver(() => {
      if (canvas.parentElement.clientWidth === drawn) return;
      drawn = canvas.parentElement.clientWidth;
      describe = draw(canvas, data);
    }).observe(canvas.parentElement);
    canvas.addEventListener("pointermove", (event) => {
      const text = describe({ x: event.offsetX, y: event.offsetY });
      tip.hidden = text === null;
      tip.textContent = text ?? "";
      tip.style.left = `${Math.min(event.clientX + 14, window.innerWidth - 240)}px`;
      tip.style.top = `${event.clientY + 14}px`;
    });
    canvas.addEventListener("pointerleave", () => { tip.hidden = true; });
  }

  document.querySelectorAll(".locus-plot").forEach((canvas) => show(canvas, drawLocus));
  document.querySelectorAll(".heat-map").forEach((canvas) => show(canvas, drawHeatMap));
})();
