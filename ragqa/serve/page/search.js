// The tab of the search: passages for some words, with their scores, in all documents or in those of a filter.

import { post } from "./api.js";
import { count, el, fileName, number, own, sentence } from "./dom.js";
import { whereLine } from "./passages.js";
import { Filter } from "./filter.js";

export class Search {
  /** `app` has `open`, which shows a hit. */
  constructor(panel, app) {
    this.app = app;
    const name = "Search the documents";
    this.field = el("input", { type: "search", dir: "auto", "aria-label": name, placeholder: name, autocomplete: "off" });
    this.filter = new Filter();
    this.line = el("p", { class: "muted", role: "status" });
    this.error = el("div", {});
    this.list = el("ol", { class: "passages", "aria-label": "Results" });
    const submit = (event) => {
      event.preventDefault();
      this.search(this.field.value.trim());
    };
    const line = el("div", { class: "line" }, this.field, el("button", { class: "main" }, "Search"));
    const form = el("form", { role: "search", class: "searching", onsubmit: submit }, line, this.filter.element);
    panel.replaceChildren(form, this.error, this.line, this.list);
  }

  /** Search what the address asks for, `#q=WORDS&where=FILTER`; return whether it asks for anything. */
  fromAddress() {
    const given = new URLSearchParams(location.hash.slice(1));
    if (!given.has("q")) return false;
    this.search(given.get("q"), given.get("where") ?? "");
    return true;
  }

  /** Put the search into the address again; called when the tab is chosen. */
  chosen() {
    if (this.address) history.replaceState(null, "", this.address);
  }

  /** Take it out of the address; called when another tab is chosen. */
  left() {
    history.replaceState(null, "", location.pathname);
  }

  /** Search words, put them into the address, so that it can be sent to somebody, and show what is found. `filter` replaces the one that is set. */
  async search(words, filter = null) {
    if (filter !== null) this.filter.fill(filter);
    if (!words) return;
    const where = this.filter.where();
    this.running?.abort();
    this.running = new AbortController();
    this.field.value = words;
    this.address = `#${new URLSearchParams({ q: words, ...(where && { where: JSON.stringify(where) }) })}`;
    history.replaceState(null, "", this.address);
    this.error.replaceChildren();
    this.line.textContent = "Searching";
    try {
      const { hits } = await post("/api/search", { question: words, k: 20, ...(where && { where }) }, this.running.signal);
      this.line.textContent = hits.length ? `The best ${count(hits.length, "passage")}` : "No passage was found. Try other words, or a wider filter.";
      this.list.replaceChildren(...hits.map((hit) => this.#hit(hit)));
    } catch (error) {
      if (error.name === "AbortError") return;
      this.line.textContent = "";
      this.list.replaceChildren();
      this.error.replaceChildren(own("p", sentence(error.message), { class: "error", role: "alert" }));
    }
  }

  #hit(hit) {
    const scores = Object.entries(hit.scores).map(([name, value]) => `${name} ${number(value, 3)}`);
    const fields = Object.entries(hit.fields).map(([name, value]) => `${name}: ${[value].flat().join(", ")}`);
    const versions = Object.entries(hit.versions).map(([source, which]) => {
      return el("p", { class: which === "newer" ? "warning" : "muted" }, `${which} version: `, fileName(source));
    });
    const line = (texts) => own("p", texts.join(" \u00b7 "), { class: "scores muted" });
    const lines = [...versions, ...(fields.length ? [line(fields)] : []), line([`score ${number(hit.score, 3)}`, ...scores])];
    return el("li", {}, whereLine(hit, this.app.open), own("blockquote", hit.text), ...lines);
  }
}
