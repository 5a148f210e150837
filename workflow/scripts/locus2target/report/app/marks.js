"use strict";
// The reviewer's marks: in memory, in the browser's storage where it is allowed, and in a file next to the report.
(() => {
  const FORMAT = 1;
  const MARKS = ["accepted", "rejected", "unsure"];
  const { name, created } = L2T.data.run.run;
  const STORAGE_KEY = `locus2target review ${name} ${created}`;
  const THIS_RUN = `${name} ${created}`;
  const listeners = new Set();
  let marks = new Map();
  let unsaved = false;
  let stored = true;

  const keyOf = (disease, geneId) => `${disease}|${geneId}`;
  const targetOf = (key) => L2T.data.target(...splitKey(key));

  // The gene id is what follows the last bar: a disease may hold one.
  function splitKey(key) {
    const bar = key.lastIndexOf("|");
    return [key.slice(0, bar), key.slice(bar + 1)];
  }

  const textOf = (value) => (typeof value === "string" ? value : "");

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
    const origin = `${textOf(file.run)} ${textOf(file.created)}`;
    const read = new Map();
    let broken = 0;
    for (const [key, entry] of Object.entries(file.marks)) {
      const mark = key.includes("|") ? readMark(entry) : null;
      if (mark) read.set(key, origin === THIS_RUN || mark.carried_from ? mark : { ...mark, carried_from: origin });
      else broken += 1;
    }
    return { marks: read, broken };
  }

  function toFile() {
    const ordered = [...marks].sort(([a], [b]) => (a < b ? -1 : 1));
    return { format: FORMAT, run: name, created, marks: Object.fromEntries(ordered) };
  }

  function store() {
    try {
      window.localStorage.setItem(STORAGE_KEY, JSON.stringify(toFile()));
    } catch {
      stored = false; // a page opened from disk may have no storage: the file remains
    }
  }

  function recall() {
    try {
      const text = window.localStorage.getItem(STORAGE_KEY);
      return text === null ? null : readFile(JSON.parse(text)).marks;
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
    L2T.dom.download(`${name}.review.json`, "application/json", `${JSON.stringify(toFile(), null, 1)}\n`);
    unsaved = false;
    listeners.forEach((listener) => listener());
  }

  // Sentence on what is wrong with the review file that the run was given, else nothing.
  function start() {
    const own = recall();
    const given = L2T.data.run.review;
    try {
      marks = own ?? (given ? readFile(given).marks : new Map());
      return "";
    } catch (problem) {
      return `The review file given to this run was not read: ${problem.message}.`;
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
    problem: start(),
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
