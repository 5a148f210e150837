"use strict";
// The variants that support a gene: their numbers and predicted effects come from the pack of its best locus, after the page is drawn.
(() => {
  const { el, table, exact } = L2T.dom;
  const F = L2T.format;
  const WAITING = "Reading p, PIP and predicted effects from the data of the locus …";

  function groupBy(rows, keyOf) {
    const groups = new Map();
    for (const row of rows) groups.set(keyOf(row), [...(groups.get(keyOf(row)) ?? []), row]);
    return groups;
  }

  // Predicted effects by variant.
  function effectsOf(header) {
    const names = new Map(header.named.map((row) => [row.index, row.variant]));
    return groupBy(header.effects, (row) => names.get(row.index));
  }

  // Scores of one model have several scales: what is rarest among random changes comes first.
  const rarer = (a, b) => (b.quantile ?? 0) - (a.quantile ?? 0) || Math.abs(b.value) - Math.abs(a.value);

  function effectText({ track, scorer, value, quantile }) {
    const name = [track, scorer].filter((text) => !F.isMissing(text)).join(", ");
    return [`${name} `, exact(value, F.signed), F.isMissing(quantile) ? "" : [" (quantile ", exact(quantile, F.probability), ")"]];
  }

  // The strongest effect by one model on the gene, or on no gene in particular; or why there is none.
  function ofModel(model, effects, geneId) {
    const scored = effects.filter((row) => !F.isMissing(row.value));
    const [best] = scored.filter((row) => F.isMissing(row.gene_id) || row.gene_id === geneId).sort(rarer);
    if (best) return [`${model}: `, effectText(best)];
    if (scored.length) return `${model}: its largest effects are on other genes`;
    const [{ status, reason }] = effects;
    return `${model}: none, ${F.words(status)}${reason ? `: ${reason}` : ""}`;
  }

  const strongest = (effects, geneId) =>
    effects.length ? [...groupBy(effects, (row) => row.model)].map(([model, own]) => el("div", {}, ofModel(model, own, geneId))) : "not scored";

  // What no model could score, with the variants of each reason: rows of the table of what is not known.
  function unscored(effects) {
    const models = [...effects].flatMap(([variant, rows]) => [...groupBy(rows, (row) => row.model)].map(([model, own]) => ({ variant, model, own })));
    const without = models.filter(({ own }) => own.every((row) => F.isMissing(row.value)));
    const reasons = groupBy(without, ({ model, own: [{ status, reason }] }) => JSON.stringify([model, status, reason]));
    return [...reasons.values()].map((rows) => {
      const [{ model, own: [{ status, reason }] }] = rows;
      return { what: `${model} score of ${rows.map(({ variant }) => F.variant(variant)).join(", ")}`, status, reason };
    });
  }

  function draw(target, rows) {
    const variant = ({ key }) => el("a", { href: L2T.router.link.variant(target.best_locus, key), title: key }, F.variant(key));
    return table({
      caption: "Variants that the evidence names, at the best locus; a link opens the locus with the variant picked. Quantile: share of random changes with a smaller effect",
      columns: [["Variant, REF>ALT", ""], ["rsID", ""], ["p", "num"], ["PIP", "num"], ["Credible set", "num"], ["Strongest predicted effect of each model, ALT against REF", "long"], ["Named by", ""]],
      rows: rows.map((row) => [
        variant(row), F.text(row.rsid), exact(row.neg_log10_p, F.pValue), exact(row.pip, F.probability), F.count(row.credible_set),
        row.effects, row.sources || F.MISSING]),
    });
  }

  const plain = (target, sourcesOf) => F.items(target.variants).map((key) => ({ key, sources: sourcesOf(key), effects: F.MISSING }));

  function filled(target, sourcesOf, header, effects) {
    const named = new Map(header.named.map((row) => [row.variant, row]));
    return plain(target, sourcesOf)
      .map((row) => ({ ...named.get(row.key), ...row, effects: named.has(row.key) ? strongest(effects.get(row.key) ?? [], target.gene_id) : F.MISSING }))
      .sort((a, b) => (b.pip ?? 0) - (a.pip ?? 0));
  }

  function remark(target, header) {
    const named = new Set(header.named.map((row) => row.variant));
    const absent = F.items(target.variants).filter((key) => !named.has(key)).length;
    return absent ? `${F.plural(absent, "variant")} without numbers: the page holds those of variants with a PIP of 0.001 or more or in a credible set. The others are in the run's tables.` : "";
  }

  /* Table of a gene's supporting variants in `place`, with a line on the state of its numbers. `sourcesOf(key)`: names of
     the sources that name a variant. Gives what could not be scored as soon as it is known; nothing where that cannot be known. */
  async function show(place, target, sourcesOf) {
    const state = el("p", { class: "hint", role: "status" }, WAITING);
    const holder = el("div", {}, draw(target, plain(target, sourcesOf)));
    place.replaceChildren(holder, state);
    try {
      const { header } = await L2T.data.unpack(target.best_locus);
      const effects = effectsOf(header);
      holder.replaceChildren(draw(target, filled(target, sourcesOf, header, effects)));
      state.textContent = remark(target, header);
      const own = new Set(F.items(target.variants));
      return unscored([...effects].filter(([key]) => own.has(key)));
    } catch (problem) {
      state.textContent = `p, PIP and predicted effects are not shown: ${problem.message.replace(/\.$/, "")}.`;
      return [];
    }
  }

  L2T.geneVariants = { show };
})();
