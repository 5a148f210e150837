"use strict";
// The run's data: facts unpacked once, before the page starts; loci when they are asked for.
(() => {
  const RUN_DATA = "run-data";
  const TYPES = { u32: Uint32Array, u16: Uint16Array, u8: Uint8Array, f32: Float32Array };
  const key = (...parts) => parts.join("\u0000");

  function groupBy(rows, keyOf) {
    const groups = new Map();
    for (const row of rows) {
      const name = keyOf(row);
      if (!groups.has(name)) groups.set(name, []);
      groups.get(name).push(row);
    }
    return groups;
  }

  // Columnar rows as objects.
  const asRows = ({ columns, rows }) => rows.map((row) => Object.fromEntries(columns.map((name, index) => [name, row[index]])));

  function bytesOf(base64) {
    const text = atob(base64.trim());
    const bytes = new Uint8Array(text.length);
    for (let index = 0; index < text.length; index += 1) bytes[index] = text.charCodeAt(index);
    return bytes;
  }

  // A response of the unpacked bytes.
  function inflate(base64) {
    if (typeof DecompressionStream === "undefined") {
      throw new Error("This browser cannot unpack the report's data. Use Chrome 80, Firefox 113, Safari 16.4 or newer");
    }
    return new Response(new Blob([bytesOf(base64)]).stream().pipeThrough(new DecompressionStream("gzip")));
  }

  // Byte length of the header, the header, then the arrays; offsets count from the end of the padded header.
  function readPack(buffer) {
    const length = new DataView(buffer).getUint32(0, true);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
    const base = Math.ceil((4 + length) / 4) * 4;
    const arrays = {};
    for (const { name, dtype, length: size, offset } of header.arrays) arrays[name] = new TYPES[dtype](buffer, base + offset, size);
    return { header, arrays };
  }

  function makeStore(run, packs) {
    const loci = new Map(run.loci.map((row) => [row.locus, row]));
    const targets = groupBy(run.targets, (row) => row.disease);
    for (const rows of targets.values()) rows.sort((a, b) => a.gene_rank - b.gene_rank);
    const byGene = new Map(run.targets.map((row) => [key(row.disease, row.gene_id), row]));
    const candidates = groupBy(run.candidates, (row) => row.locus);
    const lociOfGene = groupBy(run.candidates, (row) => key(row.disease, row.gene_id));
    let evidence = null; // made at the first gene page, not before the first paint
    const evidenceOf = (disease, geneId) => {
      evidence ??= groupBy(asRows(run.evidence), (row) => key(row.disease, row.gene_id));
      return evidence.get(key(disease, geneId)) ?? [];
    };

    const lociSentence = (row) =>
      `${L2T.format.plural(row.n_loci, "locus", "loci")}, ${row.n_ranked} ranked: ${row.n_clear} clear, ${row.n_contested} contested, ${row.n_no_local_evidence} without local evidence.`;

    return {
      run,
      lociSentence,
      locus: (id) => loci.get(id),
      target: (disease, geneId) => byGene.get(key(disease, geneId)),
      targets: (disease) => targets.get(disease) ?? [],
      candidates: (locus) => candidates.get(locus) ?? [],
      candidacies: (disease, geneId) => lociOfGene.get(key(disease, geneId)) ?? [],
      evidence: evidenceOf,
      async unpack(locus) {
        const pack = packs().find((element) => element.dataset.locus === locus);
        if (!pack) throw new Error("The report holds no association data of this locus; they are in the run's tables.");
        return readPack(await inflate(pack.textContent).arrayBuffer());
      },
    };
  }

  // Facts of a run from the text of a page's element.
  const readRun = async (base64) => inflate(base64).json();

  const packs = () => [...document.querySelectorAll("script.locus-pack")];

  async function load() {
    const run = await readRun(document.getElementById(RUN_DATA).textContent);
    Object.assign(L2T.data, makeStore(run, packs));
  }

  L2T.data = { RUN_DATA, readRun, load };
})();
