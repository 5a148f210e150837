"use strict";
// Tables: sort by heading, filter by words, download as TSV. Everything works on the table that is already in the page.
(() => {
  const exact = (cell) => cell.dataset.v ?? cell.textContent.trim();
  const MISSING = "–";

  function compare(left, right, ascending) {
    const [a, b] = [exact(left), exact(right)];
    if (a === MISSING || b === MISSING) return (a === MISSING) - (b === MISSING); // missing values stay last
    const [x, y] = [Number(a), Number(b)];
    const order = Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b, "en", { numeric: true }) : x - y;
    return ascending ? order : -order;
  }

  function makeSortable(table) {
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        // Numbers start with the largest, as most readers want; a rank starts with 1.
        const first = heading.classList.contains("num") && !/rank/.test(heading.dataset.name) ? "descending" : "ascending";
        const other = first === "ascending" ? "descending" : "ascending";
        const order = heading.ariaSort === first ? other : first;
        headings.forEach((cell) => cell.removeAttribute("aria-sort"));
        heading.ariaSort = order;
        const body = table.tBodies[0];
        const rows = [...body.rows].sort((a, b) => compare(a.cells[column], b.cells[column], order === "ascending"));
        body.append(...rows);
      });
    });
  }

  function makeFilter(block, table) {
    const input = block.querySelector(".filter");
    const matches = block.querySelector(".matches");
    const rows = [...table.tBodies[0].rows].filter((row) => !row.classList.contains("empty"));
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of rows) {
        const text = [...row.cells].map((cell) => `${cell.textContent} ${exact(cell)}`).join(" ").toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
        shown += !row.hidden;
      }
      matches.textContent = words.length ? `${shown} of ${rows.length} rows` : `${rows.length} rows`;
    });
  }

  function toTsv(table) {
    const clean = (text) => (text === MISSING ? "" : text.replace(/[\t\r\n]+/g, " "));
    const lines = [[...table.tHead.rows[0].cells].map((cell) => cell.dataset.name)];
    for (const row of table.tBodies[0].rows) {
      if (!row.classList.contains("empty")) lines.push([...row.cells].map((cell) => clean(exact(cell))));
    }
    return lines.map((cells) => cells.join("\t")).join("\n") + "\n";
  }

  function download(name, text) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/tab-separated-values" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  for (const block of document.querySelectorAll(".table-block")) {
    const table = block.querySelector("table.sortable");
    makeSortable(table);
    if (block.querySelector(".filter")) makeFilter(block, table);
    const button = block.querySelector(".download");
    button?.addEventListener("click", () => download(button.dataset.filename, toTsv(table)));
  }
})();
