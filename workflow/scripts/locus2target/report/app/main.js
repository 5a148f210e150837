"use strict";
// Ties the page together: shows the view of the address, keeps title and focus right, and fills the header.
(() => {
  const { el } = L2T.dom;
  const F = L2T.format;
  const { decode, parse, go, link } = L2T.router;
  const SUGGESTIONS = 20;
  const app = document.getElementById("app");
  const sections = document.getElementById("sections");
  const message = document.getElementById("message");
  const { diseases, targets, loci, run } = L2T.data.run;
  let leave = null; // what the shown view wants called when it goes
  let first = true;

  function notFound(container, text) {
    container.append(el("h1", {}, "Not in this run"), el("p", {}, text), el("p", {}, el("a", { href: link.home() }, "To the first page")));
  }

  // A view's failure is told on the page; the other pages go on working.
  function renderView(view, parameters) {
    try {
      const done = L2T.views[view].render(app, parameters);
      return typeof done === "function" ? done : null;
    } catch (problem) {
      console.error(problem);
      app.append(el("p", { class: "message" }, `This page could not be shown: ${problem.message}.`));
      return null;
    }
  }

  function settle(view) {
    const heading = app.querySelector("h1");
    const name = heading?.textContent ?? view;
    document.title = view === "home" ? run.title : `${name} · ${run.title}`;
    document.querySelectorAll("#pages a").forEach((page) => {
      if (page.getAttribute("href") === window.location.hash) page.setAttribute("aria-current", "page");
      else page.removeAttribute("aria-current");
    });
    if (first || !heading) return;
    heading.setAttribute("tabindex", "-1");
    heading.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }

  function show({ view, parameters }) {
    leave?.();
    app.replaceChildren();
    document.body.dataset.view = view;
    sections.hidden = view !== "home";
    leave = renderView(view, parameters);
    settle(view);
  }

  // An id inside the server-rendered sections is a place of the first page.
  function sectionOf(hash) {
    const element = document.getElementById(decode(hash.slice(1)));
    return sections.contains(element) ? element : null;
  }

  function showSection(element) {
    if (document.body.dataset.view !== "home") show({ view: "home", parameters: {} });
    element.scrollIntoView();
  }

  function route() {
    const { hash } = window.location;
    const found = parse(hash);
    const section = found ? null : sectionOf(hash);
    message.hidden = Boolean(found || section);
    message.textContent = message.hidden ? "" : `There is no page “${hash}” in this report. This is the first page.`;
    if (section) showSection(section);
    else show(found ?? { view: "home", parameters: {} });
    first = false;
  }

  function pages() {
    const mark = el("a", { href: link.review() }, "Review");
    const count = () => {
      mark.textContent = L2T.review.count() ? `Review (${L2T.review.count()}${L2T.review.isUnsaved() ? ", not saved" : ""})` : "Review";
    };
    L2T.review.onChange(count);
    count();
    const entries = [el("a", { href: link.home() }, "Home"), ...diseases.map(({ disease }) => el("a", { href: link.disease(disease) }, F.words(disease))), mark, el("a", { href: link.compare() }, "Compare")];
    document.getElementById("pages").append(el("ul", {}, entries.map((entry) => el("li", {}, entry))));
  }

  // Everything that can be jumped to: genes first, then loci.
  const places = [
    ...targets.map((row) => ({ text: `${row.gene_symbol} · ${F.words(row.disease)}`, words: `${row.gene_symbol} ${row.gene_id} ${row.disease}`, href: link.gene(row.disease, row.gene_id), first: row.gene_symbol })),
    ...loci.filter((row) => row.chromosome).map((row) => ({ text: `${F.region(row.chromosome, row.start, row.end)} · ${F.words(row.disease)}`, words: `${row.chromosome}:${row.start} ${row.locus} ${row.lead_variant}`, href: link.locus(row.locus), first: row.locus })),
  ];

  function matching(text) {
    const wanted = text.trim().toLowerCase();
    if (!wanted) return [];
    const starts = ({ first: name }) => name.toLowerCase().startsWith(wanted);
    const found = places.filter((place) => `${place.text} ${place.words}`.toLowerCase().includes(wanted));
    return [...found.filter(starts), ...found.filter((place) => !starts(place))].slice(0, SUGGESTIONS);
  }

  function jumpBox() {
    const form = document.getElementById("jump");
    const input = form.querySelector("input");
    const options = form.querySelector("datalist");
    input.addEventListener("input", () => options.replaceChildren(...matching(input.value).map((place) => el("option", { value: place.text }))));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const place = places.find(({ text }) => text === input.value) ?? matching(input.value)[0];
      if (place) {
        input.value = "";
        go(place.href);
      } else {
        message.hidden = false;
        message.textContent = `No gene or locus matches “${input.value}”.`;
      }
    });
  }

  function shortcuts(event) {
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

  L2T.app = { notFound };
  pages();
  skipLink();
  jumpBox();
  document.addEventListener("keydown", shortcuts);
  window.addEventListener("hashchange", route);
  route();
})();
