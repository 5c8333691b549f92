// The tab of the documents: what is indexed, what could not be read and why, and how far indexing is.

import { get } from "./api.js";
import { button, count, day, el, fileName, number } from "./dom.js";
import { opener } from "./passages.js";

const AT_ONCE = 50;
const SOON = 1_000;
const LATER = 5_000;

const COLUMNS = ["Type", "Pages", "Passages", "Characters"];
const STAGES = { reading: "Reading the files", embedding: "Embedding the new passages" };

export class Documents {
  /** `app` has `open`, which shows a document, and `tell`, which says how many there are. */
  constructor(panel, app) {
    this.panel = panel;
    this.app = app;
    this.line = el("p", { class: "muted", role: "status" });
    this.progress = el("div", { class: "progress", hidden: true });
    this.last = el("p", { class: "muted" });
    this.rows = el("tbody");
    this.more = button("More documents", () => this.#page(), { class: "quiet", hidden: true });
    this.rejected = el("section", { class: "rejected", hidden: true });
    const head = ["Document", ...COLUMNS].map((name) => el("th", { scope: "col" }, name));
    this.table = el("table", { class: "figures list", hidden: true }, el("thead", {}, el("tr", {}, ...head)), this.rows);
    panel.replaceChildren(el("h2", {}, "Documents"), this.line, this.progress, this.last, this.table, this.more, this.rejected);
  }

  /** Show what is indexed now; called when the tab is chosen. */
  async chosen() {
    await this.#fresh();
    await this.#watch();
  }

  /** Stop asking how far indexing is; called when another tab is chosen. */
  left() {
    clearTimeout(this.timer);
  }

  async #fresh() {
    this.rows.replaceChildren();
    this.ocr = { pages: 0, all: 0 };
    await this.#page();
  }

  /** List the next documents: from the first one on, where the index is another one by now. */
  async #page() {
    this.running?.abort();
    this.running = new AbortController();
    const offset = this.rows.children.length;
    try {
      const found = await get(`/api/documents?offset=${offset}&limit=${AT_ONCE}`, { signal: this.running.signal });
      if (offset && found.generation !== this.generation) return await this.#fresh();
      this.generation = found.generation;
      this.app.tell(found.total, found.generation);
      this.rows.append(...found.documents.map((each) => this.#row(each)));
      for (const each of found.documents) {
        this.ocr.pages += each.ocr_pages;
        this.ocr.all += each.pages ?? 0;
      }
      this.#say(found);
      this.#reject(found);
      this.table.hidden = !found.total;
      this.more.hidden = this.rows.children.length >= found.total;
    } catch (error) {
      if (error.name !== "AbortError") this.line.textContent = error.message;
    }
  }

  #say(found) {
    const listed = this.rows.children.length;
    const parts = [count(found.total, "document"), `index version ${found.generation}`];
    if (this.ocr.pages) {
      const share = number((100 * this.ocr.pages) / this.ocr.all);
      const of = listed < found.total ? " listed" : "";
      parts.push(`${number(this.ocr.pages)} of ${number(this.ocr.all)}${of} pages (${share}%) were read from a picture (OCR)`);
    }
    this.line.textContent = found.total ? parts.join(" \u00b7 ") : "Nothing is indexed yet.";
  }

  #row(found) {
    const whole = { document_id: found.id, source: found.source, start: 0, end: 0, text: "", page: null, place: "" };
    const notes = [...found.unread];
    if (found.ocr_pages) notes.unshift(`${count(found.ocr_pages, "page")} read from a picture (OCR)`);
    const title = found.title && !found.source.endsWith(found.title) ? el("p", { class: "muted", dir: "auto" }, found.title) : null;
    const name = el("td", {}, opener(whole, this.app.open), title, ...notes.map((note) => el("p", { class: "warning" }, note)));
    const cells = [shortType(found), found.pages ?? "", found.chunks, found.size];
    return el("tr", {}, name, ...cells.map((cell, i) => el("td", { "data-name": COLUMNS[i] }, typeof cell === "number" ? number(cell) : cell)));
  }

  #reject(found) {
    this.rejected.hidden = !found.rejected.length;
    const all = found.rejected_total;
    const rows = found.rejected.map((each) => el("li", {}, fileName(each.source), el("p", { class: "muted", dir: "auto" }, each.reason)));
    const more = all > rows.length ? el("p", { class: "muted" }, `The first ${number(rows.length)} are listed.`) : "";
    this.rejected.replaceChildren(el("h3", {}, `${count(all, "file")} not indexed`), el("ul", { class: "rows plain" }, ...rows), more);
  }

  /** Show how far indexing is, again and again while this tab is seen; list the documents anew when a run has changed them. */
  async #watch() {
    clearTimeout(this.timer);
    let wait = LATER;
    try {
      const state = await get("/api/index/progress");
      this.#progress(state);
      const last = state.last ?? { ended: null };
      if (this.ended !== undefined && this.ended !== last.ended && last.added + last.removed) await this.#fresh();
      this.ended = last.ended;
      if (state.running) wait = SOON;
    } catch (error) {
      this.progress.hidden = true;
      this.last.textContent = `How far indexing is cannot be told now: ${error.message}`;
    }
    if (!this.panel.hidden) this.timer = setTimeout(() => this.#watch(), wait);
  }

  #progress({ running, stage, done, total, last, changes }) {
    this.progress.hidden = !running;
    const bar = el("progress", { "aria-label": "Indexing", ...(total && { max: total, value: done }) });
    const figures = total ? `: ${number(done)} of ${number(total)}` : "";
    this.progress.replaceChildren(el("p", {}, (STAGES[stage] ?? "Indexing") + figures), bar);
    this.last.textContent = last ? lastRun(last) : changes ? since(changes) : "";
  }
}

function since({ compared, changed, removed, error }) {
  if (error) return `The files cannot be compared with the index (${error}).`;
  if (!changed && !removed) return `No file has changed since it was indexed (compared ${day(compared)}).`;
  return `Since they were indexed, ${count(changed, "file")} new or changed, ${number(removed)} gone (compared ${day(compared)}); this index has none of it yet.`;
}

function lastRun({ ended, added, removed, rejected, error }) {
  const when = day(ended);
  if (error) return `The last run of indexing, ${when}, failed: ${error}.`;
  return `Last indexed ${when}: ${number(added)} new or changed, ${number(removed)} removed, ${number(rejected)} rejected.`;
}

/** Return the type of a document as people know it: its ending, or the second half of its media type. */
export function shortType({ source, media_type }) {
  const ending = /\.([A-Za-z0-9]{1,8})$/.exec(source);
  return ending ? ending[1].toLowerCase() : media_type.split("/").at(-1);
}
