"use strict";
// All marks of the reviewer, to save, to load and to go through.
(() => {
  const { el, table, fileButton } = L2T.dom;
  const F = L2T.format;
  const link = L2T.router.link;

  function geneCell(row) {
    if (!row.target) return `${row.gene_id} (no candidate in this run)`;
    return el("a", { href: link.gene(row.disease, row.gene_id) }, row.target.gene_symbol);
  }

  function cells(row) {
    const origin = row.carried_from ? el("span", { class: "badge warn", title: row.carried_from }, "carried over") : "";
    const now = row.target?.probability;
    return [
      F.words(row.disease), geneCell(row), el("b", {}, row.mark), row.note, [row.when.slice(0, 16).replace("T", " "), " ", origin],
      el("span", { title: F.text(row.probability) }, F.probability(row.probability)), el("span", { title: F.text(now) }, F.probability(now)),
      el("button", { type: "button", class: "download", onclick: () => L2T.review.set(row.disease, row.gene_id, "", ""), "aria-label": `Remove the mark of ${row.target?.gene_symbol ?? row.gene_id}` }, "Remove"),
    ];
  }

  function list(place) {
    const rows = L2T.review.rows().sort((a, b) => a.disease.localeCompare(b.disease) || (b.target?.probability ?? -1) - (a.target?.probability ?? -1));
    const columns = [["Disease", ""], ["Gene", ""], ["Mark", ""], ["Note", "long"], ["When", ""], ["Probability then", "num"], ["now", "num"], ["", ""]];
    place.replaceChildren(rows.length
      ? table({ caption: `${F.plural(rows.length, "mark")}: ${tally(rows)}`, columns, rows: rows.map(cells) })
      : el("p", {}, "No gene is marked yet. Mark genes on their pages or in the column “Review” of a disease's table."));
  }

  const tally = (rows) => L2T.review.MARKS.map((mark) => `${rows.filter((row) => row.mark === mark).length} ${mark}`).join(", ");

  function stateText() {
    const kept = L2T.review.isStored() ? "This browser keeps the marks too, for this run and this computer only." : "This browser does not keep the marks: save them before you close the page.";
    return `${L2T.review.isUnsaved() ? "There are marks that are not in a file yet." : ""} ${kept}`.trim();
  }

  function readInto(message) {
    return (text, name) => {
      try {
        message.textContent = `${name}: ${L2T.review.load(text)}`;
      } catch (problem) {
        message.textContent = `${name} was not read: ${problem.message}.`;
      }
    };
  }

  function render(container) {
    const message = el("p", { role: "status", class: "message" }, L2T.review.problem);
    const state = el("p", { class: "hint" });
    const place = el("div");
    const refresh = () => {
      list(place);
      state.textContent = stateText();
    };
    container.append(
      el("p", { class: "eyebrow" }, L2T.data.run.run.name),
      el("h1", {}, "Review"),
      el("p", { class: "lead" }, "Marks belong to a disease and a gene id. Give the saved file to the next run (report.review in its config), or load it in its report: marks are carried over with the probability then and now. The ranking does not use them."),
      el("div", { class: "actions" }, el("button", { type: "button", class: "button", onclick: L2T.review.save }, "Save review"), fileButton("Load review", ".json,application/json", readInto(message))),
      message, state, place);
    refresh();
    return L2T.review.onChange(refresh);
  }

  L2T.views.review = { render };
})();
