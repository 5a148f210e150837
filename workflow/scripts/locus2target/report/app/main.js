"use strict";
// Ties the page together: shows the view of the address, keeps title and focus right, and fills the header.
(() => {
  const { el } = L2T.dom;
  const F = L2T.format;
  const { decode, parse, go, link } = L2T.router;
  const SUGGESTIONS = 20;
  const IN_LINE = 6; // more diseases than this go into a menu
  const HOME = { view: "home", parameters: {} };
  const app = document.getElementById("app");
  const message = document.getElementById("message");
  const parts = [...document.querySelectorAll("#sections > .part-of")];
  let leave = null; // what the shown view wants called when it goes
  let shown = null; // {view, parameters}
  let first = true;

  function tell(text) {
    message.hidden = !text;
    message.textContent = text;
  }

  function notFound(container, text) {
    container.append(el("h1", {}, "Not in this run"), el("p", {}, text), el("p", {}, el("a", { href: link.home() }, "To the first page")));
  }

  // A view's failure is told on the page; the other pages go on working.
  function renderView({ view, parameters }) {
    try {
      const done = L2T.views[view].render(app, parameters);
      return typeof done === "function" ? done : null;
    } catch (problem) {
      console.error(problem);
      app.append(el("p", { class: "message" }, `This page could not be shown: ${problem.message}.`));
      return null;
    }
  }

  // Server-rendered parts: those of the shown view stay, with a list of their sections above.
  const placeOf = ({ dataset: { view, disease } }) => ({ view, parameters: disease === undefined ? {} : { disease } });
  const isSame = (a, b) => a !== null && a.view === b.view && a.parameters.disease === b.parameters.disease;

  function showParts(place) {
    for (const part of parts) part.hidden = !isSame(placeOf(part), place);
    const entries = parts.filter((part) => !part.hidden)
      .flatMap((part) => [...part.querySelectorAll("section[id]")])
      .map((section) => el("li", {}, el("a", { href: `#${section.id}` }, section.querySelector("h2").textContent)));
    if (!entries.length) return;
    const list = el("nav", { "class": "contents", "aria-label": "Sections below" }, "Below: ", el("ul", {}, entries));
    (app.querySelector(".lead") ?? app.lastElementChild).after(list);
  }

  // The shown page is marked in the header, and the disease that a gene or a locus belongs to.
  function markPage({ view, parameters }) {
    const disease = parameters.disease ?? L2T.data.locus(parameters.locus)?.disease;
    const page = parameters.disease && view === "disease" ? link.disease(disease) : `#${view}`;
    document.querySelectorAll("#pages a").forEach((entry) => {
      const href = entry.getAttribute("href");
      entry.removeAttribute("aria-current");
      if (href === page) entry.setAttribute("aria-current", "page");
      else if (disease && href === link.disease(disease)) entry.setAttribute("aria-current", "true");
    });
    document.querySelectorAll("#pages details").forEach((menu) => {
      menu.open = false;
      menu.classList.toggle("current", menu.querySelector("[aria-current]") !== null);
    });
  }

  function focusOn(element) {
    element.setAttribute("tabindex", "-1");
    element.focus({ preventScroll: true });
  }

  function settle(place) {
    const heading = app.querySelector("h1");
    const { title } = L2T.data.run.run;
    document.title = place.view === "home" ? title : `${heading?.textContent ?? place.view} · ${title}`;
    markPage(place);
    if (first || !heading) return;
    focusOn(heading);
    window.scrollTo(0, 0);
  }

  function show(place) {
    leave?.();
    app.replaceChildren();
    document.body.dataset.view = place.view;
    leave = renderView(place);
    showParts(place);
    settle(place);
    shown = place;
  }

  // An id inside the server-rendered parts is a place of their page.
  function sectionOf(hash) {
    const element = document.getElementById(decode(hash.slice(1)));
    return element?.closest("#sections > .part-of") ? element : null;
  }

  function showSection(element) {
    const place = placeOf(element.closest(".part-of"));
    if (!isSame(shown, place)) show(place);
    element.scrollIntoView();
    focusOn(element.querySelector("h2") ?? element);
  }

  function route() {
    const { hash } = window.location;
    const found = parse(hash);
    const section = found ? null : sectionOf(hash);
    tell(found || section ? "" : `There is no page “${hash}” in this report. This is the first page.`);
    if (section) showSection(section);
    else show(found ?? HOME);
    first = false;
  }

  const entry = (href, text) => el("li", {}, el("a", { href }, text));

  function diseaseEntries(diseases) {
    const entries = diseases.map(({ disease }) => entry(link.disease(disease), F.words(disease)));
    if (entries.length <= IN_LINE) return entries;
    return el("li", {}, el("details", { class: "menu" }, el("summary", {}, F.plural(entries.length, "disease")), el("ul", {}, entries)));
  }

  function reviewEntry() {
    const page = el("a", { href: link.review() });
    const count = () => {
      page.textContent = L2T.review.count() ? `Review (${L2T.review.count()}${L2T.review.isUnsaved() ? ", not saved" : ""})` : "Review";
    };
    L2T.review.onChange(count);
    count();
    return el("li", {}, page);
  }

  function fillHeader() {
    const { diseases } = L2T.data.run;
    const others = [reviewEntry(), entry(link.compare(), "Compare"), entry(link.about(), "About")];
    document.getElementById("pages").append(el("ul", {}, entry(link.home(), "Home"), diseaseEntries(diseases), others));
  }

  // An open menu closes on Escape and on a click elsewhere.
  function closeMenus(event) {
    document.querySelectorAll("#pages details[open]").forEach((menu) => {
      if (event.type === "click" && menu.contains(event.target)) return;
      menu.open = false;
      if (event.type === "keydown") menu.querySelector("summary").focus();
    });
  }

  // Everything that can be jumped to: genes first, then loci.
  function places() {
    const { targets, loci } = L2T.data.run;
    return [
      ...targets.map((row) => ({ text: `${row.gene_symbol} · ${F.words(row.disease)}`, words: `${row.gene_symbol} ${row.gene_id} ${row.disease}`, href: link.gene(row.disease, row.gene_id), first: row.gene_symbol })),
      ...loci.filter((row) => row.chromosome).map((row) => ({ text: `${F.region(row.chromosome, row.start, row.end)} · ${F.words(row.disease)}`, words: `${row.chromosome}:${row.start} ${row.locus} ${row.lead_variant}`, href: link.locus(row.locus), first: row.locus })),
    ];
  }

  function matching(all, text) {
    const wanted = text.trim().toLowerCase();
    if (!wanted) return [];
    const starts = ({ first: name }) => name.toLowerCase().startsWith(wanted);
    const found = all.filter((place) => `${place.text} ${place.words}`.toLowerCase().includes(wanted));
    return [...found.filter(starts), ...found.filter((place) => !starts(place))].slice(0, SUGGESTIONS);
  }

  function jumpBox() {
    const form = document.getElementById("jump");
    const input = form.querySelector("input");
    const options = form.querySelector("datalist");
    const all = places();
    input.addEventListener("input", () => options.replaceChildren(...matching(all, input.value).map((place) => el("option", { value: place.text }))));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const place = all.find(({ text }) => text === input.value) ?? matching(all, input.value)[0];
      if (!place) return tell(`No gene or locus matches “${input.value}”.`);
      input.value = "";
      return go(place.href);
    });
  }

  function shortcuts(event) {
    if (event.key === "Escape") closeMenus(event);
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
    event.preventDefault();
    (app.querySelector("[data-search]") ?? document.querySelector("#jump input")).focus();
  }

  // The skip link cannot be an address: those name pages.
  function skipLink() {
    document.getElementById("skip").addEventListener("click", (event) => {
      event.preventDefault();
      app.focus();
    });
  }

  function begin() {
    L2T.review.start();
    fillHeader();
    skipLink();
    jumpBox();
    document.addEventListener("keydown", shortcuts);
    document.addEventListener("click", closeMenus);
    window.addEventListener("hashchange", route);
    route();
  }

  // Without its data the page still shows its server-rendered parts.
  function cannotBegin(problem) {
    document.body.dataset.view = "broken";
    app.replaceChildren();
    tell(`The data of this report could not be read: ${problem.message}. What follows can be read without.`);
  }

  L2T.app = { notFound };
  L2T.data.load().then(begin, cannotBegin);
})();
