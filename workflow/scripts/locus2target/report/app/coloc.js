"use strict";
// Colocalization at a glance: association of the disease against that of the picked molecular trait, variant by variant.
(() => {
  const H4_HELP = "H4 is the posterior probability of one shared causal variant";

  const titleOf = (trait) => `${trait.symbol} · ${trait.qtl} · ${L2T.format.words(trait.tissue)} · ${trait.qtl_type}`;
  const h4Text = (trait) => (trait.posterior_h4 === null ? "H4 not known" : `H4 ${L2T.format.probability(trait.posterior_h4)}`);

  const points = (locus, trait) => Array.from(trait.index, (index, place) => [locus.negLog10P[index], trait.negLog10P[place], index]);

  // −log₁₀ p of the trait at a variant of the locus.
  const traitText = (locus, trait, index) =>
    L2T.variants.pText(trait.negLog10P[trait.placeOf.get(index)] ?? NaN, L2T.variants.isExact(locus, index));

  // The picked variant (index or null), ringed.
  function picked(locus, trait, index) {
    const point = index === null ? null : [locus.negLog10P[index], trait.negLog10P[trait.placeOf.get(index)], index];
    return L2T.variants.ring("picked-coloc", point);
  }

  function hover(locus, trait) {
    return ({ value }) => {
      const { nameOf, describe, card } = L2T.variants;
      const rows = describe(locus, value[2]);
      rows.splice(2, 0, [`−log₁₀ p, ${trait.symbol}`, traitText(locus, trait, value[2])]);
      return card(nameOf(locus, value[2]), rows);
    };
  }

  function axis(name) {
    const { text, COLOURS } = L2T.variants;
    return {
      type: "value",
      name,
      nameLocation: "middle",
      min: 0,
      nameTextStyle: text(11, COLOURS.ink),
      axisLabel: text(),
      splitLine: { lineStyle: { color: COLOURS.rule } },
      axisLine: { lineStyle: { color: COLOURS.muted } },
    };
  }

  function option(locus, trait, variant) {
    const { pointSeries, tooltip } = L2T.variants;
    return {
      animation: false,
      grid: { left: 48, right: 16, top: 14, bottom: 46, outerBoundsMode: "none" },
      xAxis: { ...axis(`disease, −log₁₀ p`), nameGap: 28 },
      yAxis: { ...axis(`${trait.symbol} ${trait.qtl_type}, −log₁₀ p`), nameGap: 30 },
      tooltip: tooltip(hover(locus, trait)),
      series: [...pointSeries(locus, "coloc", points(locus, trait), {}), picked(locus, trait, variant)],
    };
  }

  // Chance, not proof: what the picture may and may not be read as.
  function caption(trait) {
    return (
      `${titleOf(trait)}; ${L2T.format.plural(trait.n, "shared variant")}, ${h4Text(trait)} (${H4_HELP}). One arm that rises to the upper right speaks for a ` +
      `shared signal, two arms along the axes for different ones. The picture does not replace the posterior, and does not say that the gene causes the disease.`
    );
  }

  function label(locus, trait) {
    const best = L2T.variants.strongest(trait.negLog10P, 1).map((place) => trait.index[place]);
    const top = best.length ? ` Strongest for the trait is ${L2T.variants.nameOf(locus, best[0])}.` : "";
    return `Scatter of disease against ${titleOf(trait)}: −log₁₀ p of ${trait.n} variants, coloured by r² with the lead variant. ${h4Text(trait)}.${top}`;
  }

  function topTable(locus, trait, count) {
    const { nameOf, strongest, pText, pipText, isExact } = L2T.variants;
    const rows = strongest(trait.negLog10P, count).map((place) => {
      const index = trait.index[place];
      const exact = isExact(locus, index);
      return [nameOf(locus, index), traitText(locus, trait, index), pText(locus.negLog10P[index], exact), pipText(locus.pip[index], exact)];
    });
    return L2T.dom.table({
      caption: `The ${rows.length} variants with the strongest association with ${titleOf(trait)}`,
      columns: [
        ["Variant", ""],
        ["−log₁₀ p of the trait", "num"],
        ["−log₁₀ p of the disease", "num"],
        ["PIP (disease)", "num"],
      ],
      rows,
    });
  }

  L2T.coloc = { option, picked, caption, label, topTable, titleOf, h4Text, traitText };
})();
