"use strict";
// How numbers and names are written: the spelling of report/formats.py, so that page, tables and figures agree.
(() => {
  const MISSING = "–";
  const SHOWN_ITEMS = 3;
  const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
  const SOURCES = new Map(Object.entries({
    prior: "Prior",
    distance: "Distance",
    convergence: "Convergence",
    gene_constraint: "Constraint",
    colocalization_eqtl: "eQTL",
    colocalization_sqtl: "sQTL",
    colocalization_pqtl: "pQTL",
    colocalization_caqtl: "caQTL",
    qtl_lead_overlap: "QTL lead",
    cis_mr: "cis-MR",
    coding_consequence: "Coding",
    gene_effect: "Gene effect",
    enhancer_gene_link: "Enhancer link",
    open_chromatin: "Open chromatin",
    motif_change: "Motif",
  }));

  const isMissing = (value) => value === null || value === undefined || value === "" || Number.isNaN(value);
  const orMissing = (write) => (value, ...rest) => (isMissing(value) ? MISSING : write(value, ...rest));
  const count = (value) => Math.round(value).toLocaleString("en-US");
  const superscript = (exponent) => String(exponent).replace(/\d/g, (digit) => SUPERSCRIPTS[digit]).replace("-", "⁻");

  // Two decimals; a tie goes to the even digit as in Python (only odd multiples of 1/8 are ties in binary).
  function twoDecimals(value) {
    if (Math.abs(value * 8) % 2 !== 1) return value.toFixed(2);
    return ((2 * Math.round(Math.abs(value) * 50) * Math.sign(value)) / 100).toFixed(2);
  }

  function probability(value) {
    if (value === 0 || value === 1) return String(value);
    if (value < 0.01) return "<0.01";
    return value > 0.99 ? ">0.99" : twoDecimals(value);
  }

  function signed(value) {
    const rounded = twoDecimals(Math.abs(value));
    if (Number(rounded) === 0) return rounded;
    return (value > 0 ? "+" : "−") + rounded;
  }

  function pValue(negLog10) {
    if (negLog10 < 3) return String(Number((10 ** -negLog10).toPrecision(2)));
    let exponent = -Math.ceil(negLog10);
    let mantissa = (10 ** (-exponent - negLog10)).toFixed(1);
    if (mantissa === "10.0") [exponent, mantissa] = [exponent + 1, "1.0"];
    return `${mantissa}×10${superscript(exponent)}`;
  }

  function number(value) {
    if (Number.isInteger(value)) return count(value);
    if (Math.abs(value) >= 0.001) return Number(value.toPrecision(3)).toLocaleString("en-US", { maximumFractionDigits: 6 });
    const [mantissa, exponent] = value.toExponential(2).split("e");
    return `${Number(mantissa)}×10${superscript(Number(exponent))}`;
  }

  // A 0-based half-open interval, written 1-based and inclusive.
  const region = (chromosome, start, end) => `${chromosome}:${count(start + 1)}–${count(end)}`;

  function variant(key) {
    const [chromosome, position, ...alleles] = key.split(":");
    if (alleles.length !== 2) return key;
    const [ref, alt] = alleles.map((allele) => (allele.length <= 8 ? allele : `${allele.slice(0, 6)}…`));
    return `${chromosome}:${count(Number(position))} ${ref}>${alt}`;
  }

  const items = (text) => (isMissing(text) ? [] : text.split(",").map((item) => item.trim()).filter(Boolean));
  const words = (text) => text.replaceAll("_", " ").replaceAll(" -> ", " → ");

  function list(text) {
    const all = items(text).map(words);
    const more = all.length > SHOWN_ITEMS ? ` +${all.length - SHOWN_ITEMS}` : "";
    return all.slice(0, SHOWN_ITEMS).join(", ") + more;
  }

  function source(id) {
    const plain = id.replaceAll("_", " ");
    return SOURCES.get(id) ?? plain.charAt(0).toUpperCase() + plain.slice(1).toLowerCase();
  }

  const plural = (value, noun, nouns = `${noun}s`) => `${count(value)} ${value === 1 ? noun : nouns}`;
  const direction = (value) => (value > 0 ? "▲ more" : "▼ less");

  L2T.format = {
    MISSING,
    isMissing,
    items,
    source,
    plural,
    region,
    variant,
    words: orMissing(words),
    list: orMissing(list),
    count: orMissing(count),
    number: orMissing(number),
    fixed: orMissing((value, digits) => value.toFixed(digits)),
    probability: orMissing(probability),
    signed: orMissing(signed),
    pValue: orMissing(pValue),
    direction: orMissing(direction),
    text: orMissing(String),
  };
})();
