"use strict";
// What the run was made of and with; the sections of the page say it (report/sections.py).
(() => {
  const { el } = L2T.dom;
  const F = L2T.format;

  function render(container) {
    const { name, version, created } = L2T.data.run.run;
    container.append(
      el("p", { class: "eyebrow" }, name),
      el("h1", {}, "About this report"),
      el("p", { class: "lead" }, `Made by locus2target ${F.text(version)} on ${F.text(created)}: the settings and inputs that gave these results, what the words mean, and the software in the page.`));
  }

  L2T.views.about = { render };
})();
