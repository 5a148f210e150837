"use strict";
// Elements, plain tables and downloads. Data reach the page as text nodes and attributes only, never as markup.
(() => {
  const L2T = (window.L2T ??= { views: {} });
  const SVG = "http://www.w3.org/2000/svg";

  function setAttribute(element, name, value) {
    if (value === null || value === undefined || value === false) return;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }

  function build(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes ?? {})) setAttribute(element, name, value);
    for (const child of children.flat(Infinity)) {
      if (child !== null && child !== undefined && child !== false) element.append(child instanceof Node ? child : String(child));
    }
    return element;
  }

  const el = (tag, attributes, ...children) => build(document.createElement(tag), attributes, children);
  const svg = (tag, attributes, ...children) => build(document.createElementNS(SVG, tag), attributes, children);

  // columns: [title, "num" or ""], rows: arrays of cells (text, number or node).
  function table({ caption, columns, rows }) {
    const head = columns.map(([title, kind]) => el("th", { scope: "col", class: kind || null }, title));
    const cells = (row) => row.map((cell, index) => el("td", { class: columns[index][1] || null }, cell));
    return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
      el("table", {}, el("caption", {}, caption), el("thead", {}, el("tr", {}, head)),
        el("tbody", {}, rows.map((row) => el("tr", {}, cells(row))))));
  }

  // A number as `write` rounds it, exact in its tooltip.
  const exact = (value, write) => el("span", { title: L2T.format.text(value) }, write(value));

  const bullets = (items, otherwise) =>
    items.length ? el("ul", {}, items.map((item) => el("li", {}, item))) : el("p", {}, otherwise);

  function download(filename, type, text) {
    const link = el("a", { href: URL.createObjectURL(new Blob([text], { type })), download: filename });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  // Tab-separated text of {column: value} rows; values as they are in the tables, nothing rounded.
  function tsv(columns, rows) {
    const clean = (value) => (value === null || value === undefined ? "" : String(value).replace(/[\t\r\n]+/g, " "));
    return [columns, ...rows.map((row) => columns.map((column) => row[column]))]
      .map((cells) => `${cells.map(clean).join("\t")}\n`)
      .join("");
  }

  // A button that opens the file dialogue and hands over the text of the chosen file.
  function fileButton(label, accept, onText) {
    const input = el("input", { type: "file", accept, class: "file", "aria-label": label });
    input.addEventListener("change", async () => {
      const [file] = input.files;
      if (file) onText(await file.text(), file.name);
      input.value = ""; // so that the same file can be chosen again
    });
    return el("label", { class: "button" }, label, input);
  }

  L2T.dom = { el, svg, table, exact, bullets, download, tsv, fileButton };
})();
