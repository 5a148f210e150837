"use strict";
// Sortable, filterable tables of many rows (Tabulator). A formatter always returns a node: Tabulator takes text as markup.
(() => {
  const { el } = L2T.dom;
  const F = L2T.format;
  const MANY_ROWS = 18; // more of them scroll inside the table, which then draws only the rows in sight
  const FULL_BAR = 3; // log odds: odds of 20 to 1
  const COMPARISON = /^\s*(>=|<=|≥|≤|>|<|=)?\s*([-−]?[\d.]+(?:e[-+]?\d+)?)\s*$/i;
  const COMPARE = {
    ">": (a, b) => a > b,
    "<": (a, b) => a < b,
    ">=": (a, b) => a >= b,
    "≥": (a, b) => a >= b,
    "<=": (a, b) => a <= b,
    "≤": (a, b) => a <= b,
    "=": (a, b) => a === b,
  };

  const escaped = (text) => el("i", {}, text).innerHTML; // what Tabulator prints as markup becomes that text again

  // "0.5" is at least 0.5 (for ranks at most), ">0.9", "<= 3", "=1"; what is no number (yet) hides nothing.
  function matchesNumber(wanted, value, _row, { sign }) {
    const [, comparison = sign, text] = COMPARISON.exec(wanted) ?? [];
    if (text === undefined) return true;
    return !F.isMissing(value) && COMPARE[comparison](value, Number(text.replace("−", "-")));
  }

  function matchesWords(wanted, value) {
    const text = F.words(value ?? "").toLowerCase();
    return wanted.toLowerCase().replaceAll("_", " ").split(/\s+/).every((word) => text.includes(word));
  }

  function heading(title, help) {
    return el("button", { type: "button", class: "heading", title: help ? `${help}. Click to sort` : "Click to sort" }, title);
  }

  function column(field, title, help, rest) {
    return {
      field,
      title: escaped(title),
      titleFormatter: () => heading(title, help),
      headerFilter: "input",
      headerFilterParams: { elementAttributes: { "aria-label": `Filter ${title}`, "autocomplete": "off" } },
      ...rest,
    };
  }

  // Text that reads as `write` says and is filtered by words.
  function textColumn(field, title, { help, write = F.words, node, width = 110, ...rest } = {}) {
    const show = (cell) => node?.(cell.getData()) ?? el("span", { title: F.text(cell.getValue()) }, write(cell.getValue()));
    return column(field, title, help, {
      width,
      formatter: show,
      sorter: "string",
      sorterParams: { alignEmptyValues: "bottom" },
      headerFilterFunc: matchesWords,
      ...rest,
    });
  }

  // A number: rounded on the page, exact in its tooltip, filtered by comparison.
  function numberColumn(field, title, { help, write = F.number, node, width = 116, ascending = false, ...rest } = {}) {
    const sign = ascending ? "≤" : "≥";
    const show = (cell) => node?.(cell.getData()) ?? el("span", { title: F.text(cell.getValue()) }, write(cell.getValue()));
    return column(field, title, help, {
      width,
      formatter: show,
      cssClass: "num",
      hozAlign: "right",
      sorter: "number",
      sorterParams: { alignEmptyValues: "bottom" },
      headerSortStartingDir: ascending ? "asc" : "desc",
      headerFilterFunc: matchesNumber,
      headerFilterFuncParams: { sign },
      headerFilterPlaceholder: sign,
      ...rest,
    });
  }

  // Log odds as signed text over a bar from the middle: to the right for the gene, to the left against it.
  function evidenceBar(value) {
    if (F.isMissing(value)) return el("span", {}, F.MISSING);
    const share = Math.min(Math.abs(value) / FULL_BAR, 1) * 50;
    const bar = el("i", { class: value >= 0 ? "up" : "down", style: `width: ${share}%` });
    return el("span", { title: String(value) }, F.signed(value), el("span", { class: "meter", "aria-hidden": "true" }, bar));
  }

  const searchText = new WeakMap();
  function rowText(row) {
    if (!searchText.has(row)) searchText.set(row, F.words(Object.values(row).join(" ")).toLowerCase());
    return searchText.get(row);
  }

  function filterByWords(table, text) {
    const words = text.toLowerCase().replaceAll("_", " ").split(/\s+/).filter(Boolean);
    if (words.length) table.setFilter((row) => words.every((word) => rowText(row).includes(word)));
    else table.clearFilter(false);
  }

  // Arrow keys move the focus along the links of the rows, also of rows not drawn yet.
  async function moveFocus(table, event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const element = event.target.closest?.(".tabulator-row");
    if (!step || !element || event.target.matches("input, select, textarea")) return;
    event.preventDefault();
    const rows = table.getRows("active");
    const next = rows[rows.findIndex((row) => row.getElement() === element) + step];
    if (!next) return;
    await table.scrollToRow(next, "nearest", false).catch(() => {}); // refused when the row is in sight already
    next.getElement().querySelector("a")?.focus();
  }

  function tools(table, { label, filename, tsv, tsvRow = (row) => row, rows, noun, nouns }) {
    const total = rows.length;
    const search = el("input", { type: "search", "data-search": true, placeholder: "Search (press /)", "aria-label": `Search ${label}`, autocomplete: "off" });
    const matches = el("span", { role: "status" });
    const save = () => L2T.dom.download(filename, "text/tab-separated-values", L2T.dom.tsv(tsv, table.getData("active").map(tsvRow)));
    const clear = () => {
      search.value = "";
      table.clearFilter(true);
    };
    search.addEventListener("input", () => filterByWords(table, search.value));
    table.on("dataFiltered", (_filters, shown) => {
      matches.textContent = shown.length === total ? F.plural(total, noun, nouns) : `${F.count(shown.length)} of ${F.plural(total, noun, nouns)}`;
    });
    const bar = el("div", { class: "table-tools" }, search, matches,
      el("button", { type: "button", class: "download clear", onclick: clear }, "Clear filters"),
      el("button", { type: "button", class: "download", onclick: save, title: "The rows shown, in this order, with exact values" }, "Download TSV"));
    return { bar, search };
  }

  // What Tabulator says of its elements is partly no ARIA: a group of columns has a role that does not exist, and the
  // scrolling part, which takes the focus, stands between grid and rows without a role.
  function mendRoles(place) {
    place.querySelectorAll(".tabulator-col-group").forEach((group) => {
      group.setAttribute("role", "presentation");
      ["aria-sort", "aria-title"].forEach((name) => group.removeAttribute(name));
    });
    place.removeAttribute("aria-owns");
    place.querySelector(".tabulator-tableholder").setAttribute("role", "rowgroup");
    place.querySelector(".tabulator-table").setAttribute("role", "presentation");
  }

  const remembered = new Map(); // sort, filters and place of each table, for readers who come back to it

  function remember(name, table, search) {
    const holder = table.element.querySelector(".tabulator-tableholder");
    remembered.set(name, {
      sort: table.getSorters().map(({ field, dir }) => ({ column: field, dir })),
      filters: table.getHeaderFilters().map(({ field, value }) => ({ field, value })),
      search: search.value,
      scroll: holder?.scrollTop ?? 0,
    });
  }

  function restore(table, search, { search: words, scroll }) {
    search.value = words;
    if (words) filterByWords(table, words);
    table.element.querySelector(".tabulator-tableholder").scrollTop = scroll;
  }

  /* Put a table into `container`: {name, label, filename, rows, columns, tsv (names of the downloaded columns), tsvRow, sort, noun, nouns}.
     Gives back {table, leave}: call `leave` when the page is left. */
  function make(container, options) {
    const before = remembered.get(options.name);
    const place = el("div", { class: "grid", "aria-label": options.label });
    const table = new Tabulator(place, {
      data: options.rows,
      columns: options.columns.filter((each) => each.columns?.length !== 0), // Tabulator fails on a group of none
      height: options.rows.length > MANY_ROWS ? "min(70vh, 44rem)" : false,
      layout: "fitData",
      columnDefaults: { resizable: "header", vertAlign: "middle" },
      initialSort: before?.sort ?? options.sort,
      initialHeaderFilter: before?.filters ?? [],
      nestedFieldSeparator: false, // field names are names of sources, which may hold a dot
      placeholder: el("div", { role: "row" }, el("p", { role: "gridcell" }, options.rows.length ? "No row matches the filters." : "No rows.")),
      printAsHtml: true,
      printStyled: false,
      printRowRange: "active",
    });
    const { bar, search } = tools(table, options);
    table.on("tableBuilt", () => {
      mendRoles(place);
      if (before) restore(table, search, before);
    });
    place.addEventListener("keydown", (event) => moveFocus(table, event));
    container.append(el("div", { class: "table-block" }, bar, place));
    const leave = () => {
      remember(options.name, table, search);
      table.destroy();
    };
    return { table, leave };
  }

  L2T.grid = { make, textColumn, numberColumn, evidenceBar, escaped };
})();
