"use strict";
// The reviewer's marks: in memory, in the browser's storage where it is allowed, and in a file next to the report.
(() => {
  const FORMAT = 1;
  const MARKS = ["accepted", "rejected", "unsure"];
  const listeners = new Set();
  let run = null; // {name, created}
  let marks = new Map();
  let unsaved = false;
  let stored = true;

  const textOf = (value) => (typeof value === "string" ? value : "");
  const originOf = ({ name, created }) => `${textOf(name)} ${textOf(created)}`;
  const storageKey = () => `locus2target review ${originOf(run)}`;
  const keyOf = (disease, geneId) => `${disease}|${geneId}`;
  const targetOf = (key) => L2T.data.target(...splitKey(key));

  // The gene id is what follows the last bar: a disease may hold one.
  function splitKey(key) {
    const bar = key.lastIndexOf("|");
    return [key.slice(0, bar), key.slice(bar + 1)];
  }

  function readMark(entry) {
    if (!MARKS.includes(entry?.mark)) return null;
    const probability = Number.isFinite(entry.probability) ? entry.probability : null;
    const mark = { mark: entry.mark, note: textOf(entry.note), when: textOf(entry.when), probability };
    return entry.carried_from ? { ...mark, carried_from: textOf(entry.carried_from) } : mark;
  }

  // Marks of a review file. Those of another run say from which they are carried over.
  function readFile(file) {
    if (file === null || typeof file !== "object" || file.format !== FORMAT || file.marks === null || typeof file.marks !== "object") {
      throw new Error(`not a review file of format ${FORMAT}`);
    }
    const origin = originOf({ name: file.run, created: file.created });
    const read = new Map();
    let broken = 0;
    for (const [key, entry] of Object.entries(file.marks)) {
      const mark = key.includes("|") ? readMark(entry) : null;
      if (mark) read.set(key, origin === originOf(run) || mark.carried_from ? mark : { ...mark, carried_from: origin });
      else broken += 1;
    }
    return { marks: read, broken };
  }

  function toFile() {
    const ordered = [...marks].sort(([a], [b]) => (a < b ? -1 : 1));
    return { format: FORMAT, run: run.name, created: run.created, marks: Object.fromEntries(ordered) };
  }

  function store() {
    try {
      window.localStorage.setItem(storageKey(), JSON.stringify({ ...toFile(), unsaved }));
    } catch {
      stored = false; // a page opened from disk may have no storage: the file remains
    }
  }

  function recall() {
    try {
      const text = window.localStorage.getItem(storageKey());
      if (text === null) return null;
      const kept = JSON.parse(text);
      unsaved = kept.unsaved === true;
      return readFile(kept).marks;
    } catch {
      stored = false;
      return null;
    }
  }

  function changed() {
    unsaved = true;
    store();
    listeners.forEach((listener) => listener());
  }

  function set(disease, geneId, mark, note) {
    const key = keyOf(disease, geneId);
    if (!mark) marks.delete(key);
    else marks.set(key, { mark, note, when: new Date().toISOString(), probability: targetOf(key)?.probability ?? null });
    changed();
  }

  // The later of two marks on a gene stays.
  function merge(loaded) {
    let taken = 0;
    for (const [key, mark] of loaded) {
      const own = marks.get(key);
      if (own && own.when >= mark.when) continue;
      marks.set(key, mark);
      taken += 1;
    }
    return taken;
  }

  // Sentence on what a chosen file brought; an Error says what is wrong with it.
  function load(text) {
    const { marks: loaded, broken } = readFile(JSON.parse(text));
    const taken = merge(loaded);
    if (taken) changed();
    const kept = loaded.size - taken;
    const unknown = [...loaded.keys()].filter((key) => !targetOf(key)).length;
    return [
      `${L2T.format.plural(taken, "mark")} read.`,
      kept ? `${kept} not newer than the marks here, which stay.` : "",
      unknown ? `${unknown} of genes that are no candidates in this run.` : "",
      broken ? `${broken} could not be read and were left out.` : "",
    ].filter(Boolean).join(" ");
  }

  function save() {
    L2T.dom.download(`${run.name}.review.json`, "application/json", `${JSON.stringify(toFile(), null, 1)}\n`);
    unsaved = false;
    store();
    listeners.forEach((listener) => listener());
  }

  // Take up the marks of this browser, else those that the run was given.
  function start() {
    run = L2T.data.run.run;
    const own = recall();
    const given = L2T.data.run.review;
    try {
      marks = own ?? (given ? readFile(given).marks : new Map());
    } catch (problem) {
      L2T.review.problem = `The review file given to this run was not read: ${problem.message}.`;
    }
  }

  function rows() {
    return [...marks].map(([key, mark]) => {
      const [disease, gene_id] = splitKey(key);
      return { key, disease, gene_id, target: targetOf(key), ...mark };
    });
  }

  window.addEventListener("beforeunload", (event) => {
    if (unsaved && !stored) event.preventDefault(); // closing the page would lose the marks
  });

  L2T.review = {
    MARKS,
    problem: "", // what is wrong with the review file that the run was given
    start,
    set,
    load,
    save,
    rows,
    get: (disease, geneId) => marks.get(keyOf(disease, geneId)),
    count: () => marks.size,
    isUnsaved: () => unsaved,
    isStored: () => stored,
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
})();
