// The document beside the answer, with the cited words marked: the page of a PDF itself, else the text that is indexed.

import { bytes, get } from "./api.js";
import { button, el, fileName, iconButton, safeName } from "./dom.js";
import { bodyOf } from "./document_text.js";
import { placeName } from "./passages.js";

export class Viewer {
  /** `place` is the element of the viewer, `work` the one around it that makes room for it. */
  constructor(place, work) {
    Object.assign(this, { place, work, opener: null, loading: null });
    this.narrow = matchMedia("(max-width: 56rem)");
    this.narrow.addEventListener("change", () => this.#cover());
    addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !this.place.hidden) this.close();
    });
  }

  /** Show the document of a citation or a hit. `opener` gets the focus back when it is closed. */
  async open(citation, opener) {
    this.loading?.abort();
    this.loading = new AbortController();
    this.opener = opener;
    this.#frame(citation);
    try {
      await this.#show(citation, this.loading.signal);
    } catch (error) {
      if (error.name === "AbortError") return;
      this.note.textContent = error.status === 404 ? "This document is not in the index any more." : error.message;
    }
  }

  close() {
    this.loading?.abort();
    this.place.hidden = true;
    this.work.classList.remove("beside");
    this.place.replaceChildren();
    this.#cover();
    this.opener?.focus();
  }

  /** On a narrow screen the document covers the rest, which then cannot be reached. */
  #cover() {
    const covered = this.narrow.matches && !this.place.hidden;
    for (const other of [document.querySelector(".top"), document.querySelector("main")]) other.inert = covered;
  }

  /** Make the empty frame: name, line of proof, note, and the place for the document. */
  #frame(citation) {
    this.title = el("h2", { tabindex: "-1" }, fileName(citation.source));
    this.proof = el("p", { id: "proof" });
    this.note = el("p", { id: "mark-note", role: "status" });
    this.switch = el("div", { class: "switch" });
    this.body = el("div", { class: "page", tabindex: "0", role: "group", "aria-label": "Text of the document" });
    const close = iconButton("close", "Close document", () => this.close());
    this.place.replaceChildren(el("header", {}, this.title, this.switch, close), this.proof, this.note, this.body);
    this.place.hidden = false;
    this.work.classList.add("beside");
    this.#cover();
    this.title.focus({ preventScroll: true });
  }

  async #show(citation, signal) {
    const { document_id: id, start, end } = citation;
    const found = await get(`/api/documents/${id}?start=${start}&end=${end}`, { signal });
    const sound = found.segments.marked === citation.text;
    this.#prove(citation, found, sound);
    const showText = (note = "") => this.#text(found, sound, note);
    if (found.media_type !== "application/pdf" || !sound) return showText();
    const showPage = () => this.#pdf(id, found, signal, showText);
    const views = [button("Page", () => this.#choose(0, showPage)), button("Text", () => this.#choose(1, showText))];
    this.switch.replaceChildren(...views);
    await this.#choose(0, showPage);
  }

  async #choose(view, show) {
    [...this.switch.children].forEach((each, i) => each.setAttribute("aria-pressed", i === view));
    this.note.textContent = "";
    await show();
  }

  /** Say where the words stand, and by which bytes that was verified. */
  #prove(citation, found, sound) {
    const name = safeName(placeName(citation));
    if (!sound) {
      this.note.textContent = "The index is another one now: these words do not stand at this place any more, so nothing is marked.";
      return;
    }
    const words = found.segments.marked ? "These words stand in" : "This is";
    const text = citation.stale ? `These words stood in ${name} when it was indexed; the file is another one now.` : `${words} ${name}`;
    const hash = el("span", { class: "hash", title: `SHA-256 of the indexed file: ${found.sha256}` }, `SHA-256 ${found.sha256.slice(0, 12)}`);
    this.proof.replaceChildren(el("span", {}, text), " \u00b7 ", hash);
  }

  #text(found, sound, note) {
    this.note.textContent ||= note;
    this.body.className = "page";
    this.body.replaceChildren(bodyOf(found, sound));
    this.body.querySelector("[data-span]")?.scrollIntoView({ block: "center" });
  }

  /** Show the page of a PDF; where its words cannot be marked there, the text with its mark, and why. */
  async #pdf(id, found, signal, showText) {
    this.body.className = "page pdf";
    this.body.replaceChildren(el("p", { class: "status busy" }, "Opening the page"));
    const place = el("div", {});
    try {
      const [file, { showPdf }] = await Promise.all([bytes(`/api/documents/${id}/file`, signal), import("./pdf_view.js")]);
      this.body.replaceChildren(place);
      const { before, marked, after } = found.segments;
      const shown = await showPdf(place, file, found.page, marked, signal, { before, after });
      this.note.textContent = shown.note ?? "";
      if (marked && !shown.marked) this.#fallBack(showText, shown.note || "The words cannot be found on the page: this is its text.");
    } catch (error) {
      if (error.name === "AbortError") throw error;
      const gone = "The file is not the one that was indexed any more: this is the text that was indexed.";
      this.#fallBack(showText, error.status === 410 ? gone : `The page cannot be shown: this is its text. ${error.message}`);
    }
  }

  #fallBack(showText, note) {
    [...this.switch.children].forEach((each, i) => each.setAttribute("aria-pressed", i === 1));
    this.note.textContent = "";
    showText(note);
  }
}
