// The filter of a search: by file, type, date, and what documents say about themselves.

import { get } from "./api.js";
import { shortType } from "./documents.js";
import { button, el } from "./dom.js";

export class Filter {
  constructor() {
    this.source = el("input", { placeholder: "reports/*.pdf", spellcheck: "false", autocomplete: "off" });
    this.type = el("select", {}, el("option", { value: "" }, "Any"));
    this.from = el("input", { type: "date" });
    this.to = el("input", { type: "date" });
    this.others = el("input", { placeholder: "author=Ann, route=R2", spellcheck: "false", autocomplete: "off", dir: "auto" });
    const fields = [["File", this.source], ["Type", this.type], ["Dated from", this.from], ["Dated to", this.to], ["Fields", this.others]];
    const clear = button("Clear", () => this.fill(""), { class: "quiet" });
    this.state = el("span", { class: "muted" });
    const grid = el("div", { class: "filter" }, ...fields.map(([name, field]) => el("label", {}, name, field)), clear);
    this.element = el("details", {}, el("summary", {}, "Filter ", this.state), grid);
    this.element.addEventListener("toggle", () => this.element.open && this.#offer());
    this.element.addEventListener("input", () => this.#tell());
  }

  /** Return the filter as the server takes it; null for none. */
  where() {
    const where = {};
    if (this.source.value.trim()) where.source = this.source.value.trim();
    if (this.type.value) where.media_type = this.type.value;
    const [from, to] = [this.from.value, this.to.value];
    if (from || to) where.date = { ...(from && { from }), ...(to && { to }) };
    for (const [name, value] of pairs(this.others.value)) where[name] = [...[where[name] ?? []].flat(), ...readings(value)];
    return Object.keys(where).length ? where : null;
  }

  /** Show the filter of an address; one that cannot be read is none. */
  fill(text) {
    const { source = "", media_type = "", ...others } = parsed(text);
    const ranged = typeof others.date === "object" && !Array.isArray(others.date);
    const { date = {} } = ranged ? others : {};
    if (ranged) delete others.date;
    this.source.value = source;
    this.#choose(media_type);
    this.from.value = date.from ?? "";
    this.to.value = date.to ?? "";
    const valuesOf = (values) => [...new Set([values].flat().map(String))];
    const written = Object.entries(others).flatMap(([name, values]) => valuesOf(values).map((value) => `${name}=${value}`));
    this.others.value = written.join(", ");
    this.#tell();
  }

  #tell() {
    const n = Object.keys(this.where() ?? {}).length;
    this.state.textContent = n ? `(${n})` : "";
  }

  /** Choose a type, also one that is not offered. */
  #choose(type) {
    this.type.value = type;
    if (this.type.selectedIndex < 0) this.type.append(el("option", { value: type, selected: true }, type));
  }

  /** Offer the types that there are, once they are known; of many documents, those of the first. */
  async #offer() {
    if (this.offered) return;
    const { documents, total } = await get("/api/documents?limit=200").catch(() => ({}));
    if (!documents) return; // it is tried again when the filter is opened again
    this.offered = true;
    const names = new Map();
    for (const each of documents) names.set(each.media_type, (names.get(each.media_type) ?? new Set()).add(shortType(each)));
    const chosen = this.type.value;
    const offers = [...names].map(([type, endings]) => el("option", { value: type }, [...endings].sort().join(", ")));
    this.type.replaceChildren(this.type.options[0], ...offers.sort((a, b) => a.text.localeCompare(b.text)));
    if (total > documents.length) this.type.append(el("option", { disabled: true }, `of the first ${documents.length} documents`));
    this.#choose(chosen);
  }
}

/**
 * Return the names and values of `author=Ann, route=R2`. What has no `=` goes on with the value before, as in
 * `author=Doe, Jane`; where there is none, it is a name, and the server says which names there are.
 */
function pairs(text) {
  const found = [];
  for (const part of text.split(",").map((each) => each.trim()).filter(Boolean)) {
    const [name, ...value] = part.split("=");
    if (value.length || !found.length) found.push([name.trim(), value.join("=").trim()]);
    else found.at(-1)[1] += `, ${part}`;
  }
  return found;
}

/** Return what a text may mean in the metadata of a document, where a number is not the text of that number. */
function readings(value) {
  const other = /^(true|false|-?(0|[1-9]\d*)(\.\d+)?)$/.test(value) ? [JSON.parse(value)] : [];
  return [value, ...other];
}

function parsed(text) {
  try {
    return JSON.parse(text || "{}") ?? {};
  } catch {
    return {};
  }
}
