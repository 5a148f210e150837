"use strict";
// This run beside another one: what entered, left and moved, and which evidence moved it.
(() => {
  const { el, fileButton, bullets } = L2T.dom;
  const F = L2T.format;
  const { make, textColumn, numberColumn } = L2T.grid;
  const link = L2T.router.link;
  const REASONS = 3;
  const MOVED = 0.005; // a smaller change is written as 0.00
  let other = null; // {data, name}: stays while the reader looks elsewhere

  // Facts of a run from its JSON summary or its report page.
  async function readRun(text) {
    const data = text.trimStart().startsWith("<") ? await readPage(text) : JSON.parse(text);
    if (data?.format !== 1 || !Array.isArray(data.targets) || !data.run) throw new Error("this is no run data of format 1");
    return data;
  }

  function readPage(html) {
    const packed = new DOMParser().parseFromString(html, "text/html").getElementById(L2T.data.RUN_DATA)?.textContent;
    if (!packed) throw new Error("this page holds no run data");
    return L2T.data.readRun(packed);
  }

  const keyOf = (row) => JSON.stringify([row.disease, row.gene_id]);
  const difference = (now, then) => (now === undefined || then === undefined ? null : now - then);

  // Parts that changed, most first: [source, change].
  function partChanges(now, then) {
    const sources = new Set([...Object.keys(now), ...Object.keys(then)]);
    return [...sources]
      .map((source) => [source, (now[source] ?? 0) - (then[source] ?? 0)])
      .filter(([, change]) => Math.abs(change) >= MOVED)
      .sort(([, a], [, b]) => Math.abs(b) - Math.abs(a));
  }

  function reasonOf(now, then, changes, moved, reranked) {
    if (!then) return "No candidate in the other run.";
    if (!now) return "No candidate in this run.";
    const parts = changes.slice(0, REASONS).map(([source, change]) => `${F.source(source)} ${F.signed(change)}`).join(", ");
    const more = changes.length > REASONS ? ` and ${F.plural(changes.length - REASONS, "smaller change")}` : "";
    const elsewhere = now.best_locus === then.best_locus ? "" : `Another best locus than ${then.best_locus}. `;
    if (parts) return `${elsewhere}${parts}${more}`;
    return elsewhere + unexplained(moved, reranked);
  }

  function unexplained(moved, reranked) {
    if (moved) return "Same evidence: other candidates of the locus, or other loci of the gene, moved.";
    return reranked ? "Only the rank: other genes entered, left or moved." : "Nothing moved.";
  }

  function stateOf(now, then, moved, reranked) {
    if (!then) return "entered";
    if (!now) return "left";
    if (moved) return "moved";
    return reranked ? "rank only" : "same";
  }

  function compareGene(now, then) {
    const changes = now && then ? partChanges(now.parts, then.parts) : [];
    const probability_change = difference(now?.probability, then?.probability);
    const rank_change = difference(now?.gene_rank, then?.gene_rank);
    const moved = Math.abs(probability_change) >= MOVED || changes.length > 0;
    const any = now ?? then;
    return {
      disease: any.disease, gene_id: any.gene_id, gene_symbol: any.gene_symbol,
      state: stateOf(now, then, moved, rank_change),
      rank_then: then?.gene_rank ?? null, rank_now: now?.gene_rank ?? null, rank_change,
      probability_then: then?.probability ?? null, probability_now: now?.probability ?? null, probability_change,
      status_then: then?.status ?? null, status_now: now?.status ?? null,
      size: Math.abs((now?.probability ?? 0) - (then?.probability ?? 0)),
      reason: reasonOf(now, then, changes, moved, rank_change),
      mark: L2T.review.get(any.disease, any.gene_id)?.mark ?? null,
      part_changes: changes.map(([source, change]) => `${source}=${change}`).join(";"),
    };
  }

  function compareRuns(now, then) {
    const before = new Map(then.targets.map((row) => [keyOf(row), row]));
    const rows = now.targets.map((row) => compareGene(row, before.get(keyOf(row))));
    const here = new Set(now.targets.map(keyOf));
    return [...rows, ...then.targets.filter((row) => !here.has(keyOf(row))).map((row) => compareGene(undefined, row))];
  }

  const geneNode = (row) => (row.state === "left" ? el("span", { title: row.gene_id }, row.gene_symbol) : el("a", { href: link.gene(row.disease, row.gene_id), title: row.gene_id }, row.gene_symbol));

  function places(change) {
    if (F.isMissing(change)) return F.MISSING;
    if (change === 0) return "0";
    return change > 0 ? `▼ ${change}` : `▲ ${-change}`;
  }

  const columns = () => [
    textColumn("disease", "Disease", { width: 140 }),
    textColumn("gene_symbol", "Gene", { width: 110, node: geneNode }),
    textColumn("state", "What", { width: 90 }),
    numberColumn("probability_then", "Then", { width: 84, write: F.probability, help: "Probability in the other run" }),
    numberColumn("probability_now", "Now", { width: 84, write: F.probability, help: "Probability in this run" }),
    numberColumn("probability_change", "Change", { width: 98, write: F.signed, help: "Of the probability, this run less the other" }),
    numberColumn("size", "Size", { width: 84, write: F.probability, help: "Of the change, whatever its sign; a gene without a probability counts as 0" }),
    textColumn("reason", "Parts that moved most, log odds", { width: 420, write: F.text, help: "At the gene's best locus, this run less the other" }),
    numberColumn("rank_then", "Rank then", { width: 124, write: F.count, ascending: true }),
    numberColumn("rank_now", "Rank now", { width: 124, write: F.count, ascending: true }),
    numberColumn("rank_change", "Places", { width: 94, write: places, help: "Rank now less rank then: below 0 is up" }),
    textColumn("status_then", "Status then", { width: 120 }),
    textColumn("status_now", "Status now", { width: 120 }),
    textColumn("mark", "Review", { width: 100, help: "The reviewer's mark in this page" }),
  ];
  const TSV = ["disease", "gene_id", "gene_symbol", "state", "probability_then", "probability_now", "probability_change", "rank_then", "rank_now", "rank_change", "status_then", "status_now", "mark", "reason", "part_changes"];

  const LOCUS_FIELDS = { locus_class: "Class", top_gene: "Top gene", method: "Method", ld_verdict: "LD", status: "Status" };

  function compareLocus(now, then) {
    const any = now ?? then;
    const differ = Object.keys(LOCUS_FIELDS).filter((name) => now && then && now[name] !== then[name]);
    const change = (name) => `${LOCUS_FIELDS[name]}: ${F.words(then[name])} → ${F.words(now[name])}`;
    let state = differ.length ? "changed" : "same";
    if (!then || !now) state = then ? "left" : "entered";
    return { locus: any.locus, disease: any.disease, state, region: F.region(any.chromosome, any.start, any.end), what: differ.map(change).join("; ") };
  }

  // Loci that are not as they were, by id.
  function changedLoci(now, then) {
    const [here, there] = [now, then].map(({ loci }) => new Map(loci.filter((row) => row.chromosome).map((row) => [row.locus, row])));
    const ids = new Set([...here.keys(), ...there.keys()]);
    return [...ids].map((id) => compareLocus(here.get(id), there.get(id))).filter(({ state }) => state !== "same");
  }

  const regionNode = (row) => (row.state === "left" ? el("span", { title: row.locus }, row.region) : el("a", { href: link.locus(row.locus), title: row.locus }, row.region));

  const locusColumns = () => [
    textColumn("disease", "Disease", { width: 140 }),
    textColumn("region", "Locus", { width: 200, write: F.text, node: regionNode }),
    textColumn("state", "What", { width: 100 }),
    textColumn("what", "Then → now", { width: 620, write: F.text }),
  ];

  function showLoci(place) {
    const rows = changedLoci(L2T.data.run, other.data);
    place.append(el("h2", {}, "Loci"));
    if (!rows.length) {
      place.append(el("p", {}, "Every locus has the class, top gene, method, LD verdict and status it had."));
      return null;
    }
    place.append(el("p", { class: "hint" }, "Loci that are not as they were, matched by id: one whose bounds moved entered under its new id and left under its old one."));
    return make(place, {
      name: "compare loci",
      label: "Loci that changed between the runs",
      filename: `changed_loci-${L2T.data.run.run.name}.tsv`,
      rows,
      columns: locusColumns(),
      tsv: ["disease", "locus", "region", "state", "what"],
      sort: [{ column: "disease", dir: "asc" }],
      noun: "locus",
      nouns: "loci",
    });
  }

  function summary(rows) {
    const count = (test) => rows.filter(test).length;
    const confident = "confident";
    return bullets([
      `${count((row) => row.state === "moved")} moved, ${count((row) => row.state === "rank only")} only in rank, ${count((row) => row.state === "same")} did not, ${count((row) => row.state === "entered")} entered, ${count((row) => row.state === "left")} left.`,
      `${count((row) => row.status_now === confident && row.status_then !== confident)} became confident targets, ${count((row) => row.status_now !== confident && row.status_then === confident)} are no longer.`,
    ], "");
  }

  const nameOf = ({ run }) => `${run.title} (${run.name}, ${F.text(run.created)}, locus2target ${F.text(run.version)})`;

  function showGenes(place) {
    const rows = compareRuns(L2T.data.run, other.data);
    place.replaceChildren(
      el("p", {}, el("b", {}, "This run: "), nameOf(L2T.data.run), el("br"), el("b", {}, "Other run: "), nameOf(other.data), ` from ${other.name}`),
      el("h2", {}, "Genes"), summary(rows));
    return make(place, {
      name: "compare",
      label: "Changes between the runs",
      filename: `changes-${L2T.data.run.run.name}.tsv`,
      rows,
      columns: columns(),
      tsv: TSV,
      sort: [{ column: "size", dir: "desc" }],
      noun: "gene",
    });
  }

  function render(container) {
    const message = el("p", { role: "status", class: "message" });
    const place = el("div");
    let grids = [];
    const leave = () => grids.forEach((grid) => grid?.leave());
    const refresh = () => {
      leave();
      grids = [showGenes(place), showLoci(place)];
    };
    const onText = async (text, name) => {
      try {
        other = { data: await readRun(text), name };
        message.textContent = "";
        refresh();
      } catch (problem) {
        message.textContent = `${name} was not read: ${problem.message}.`;
      }
    };
    container.append(
      el("p", { class: "eyebrow" }, L2T.data.run.run.name),
      el("h1", {}, "Compare with another run"),
      el("p", { class: "lead" }, "Choose the summary.json or the report of another run. It is read by this page alone. Genes are matched by disease and gene id; parts are those of the gene's best locus in each run."),
      el("p", { class: "hint" }, "A change of probability is a change of what was put in or of the method, not of the biology. A probability also moves when another candidate of the locus does."),
      el("div", { class: "actions" }, fileButton("Choose a run", ".json,.html,application/json,text/html", onText)),
      message, place);
    if (other) refresh();
    return leave;
  }

  L2T.views.compare = { render };
})();
