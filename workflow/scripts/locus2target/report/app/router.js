"use strict";
// From the part of the address after # to a view and its parameters, and back.
(() => {
  const ROUTES = {
    home: [[]],
    disease: [["disease"]],
    gene: [["disease", "gene_id"]],
    locus: [["locus"], ["locus", "variant"]],
    review: [[]],
    compare: [[]],
    about: [[]],
  };
  const ALIASES = { "": "home", "home": "home", "top": "home" };

  function decode(part) {
    try {
      return decodeURIComponent(part);
    } catch {
      return part; // a stray % in an address typed by hand
    }
  }

  // null: no such page.
  function parse(hash) {
    const [name, ...values] = hash.replace(/^#/, "").split("/").map(decode);
    const view = values.length ? name : ALIASES[name] ?? name;
    const names = Object.hasOwn(ROUTES, view) ? ROUTES[view].find((route) => route.length === values.length) : undefined;
    if (!names) return null;
    return { view, parameters: Object.fromEntries(names.map((parameter, index) => [parameter, values[index]])) };
  }

  const href = (...parts) => `#${parts.map(encodeURIComponent).join("/")}`;

  L2T.router = {
    decode,
    parse,
    go: (hash) => {
      window.location.hash = hash;
    },
    link: {
      home: () => href("home"),
      disease: (disease) => href("disease", disease),
      gene: (disease, geneId) => href("gene", disease, geneId),
      locus: (locus) => href("locus", locus),
      variant: (locus, key) => href("locus", locus, key),
      review: () => href("review"),
      compare: () => href("compare"),
      about: () => href("about"),
    },
  };
})();
