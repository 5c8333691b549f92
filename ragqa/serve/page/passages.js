// Places in documents: their names, their numbers in an answer, and the list of passages.

import { button, el, fileName, own, safeName } from "./dom.js";

/** Return the name of a place, such as `notes.pdf, page 3`. */
export function placeName(citation) {
  return [safeName(citation.source), within(citation)].filter(Boolean).join(", ");
}

/** Return the button that opens the document of a place, with the name of its file. */
export function opener(place, open) {
  const more = { class: "link", "aria-label": `Open ${placeName(place)}` };
  return button(fileName(place.source), (event) => open(place, event.currentTarget), more);
}

/** Tell whether two citations are the same span of the same document. */
export function samePlace(a, b) {
  return a.document_id === b.document_id && a.start === b.start && a.end === b.end;
}

/** The numbers of the places that an answer cites, in the order in which they come. */
export class Numbering {
  constructor() {
    this.places = [];
  }

  of(citation) {
    const known = this.places.findIndex((place) => samePlace(place, citation));
    return known < 0 ? this.places.push(citation) : known + 1;
  }
}

/** Return the button of a citation, which is shown as [1] and read as `1: notes.pdf, page 3`. */
export function citationButton(number, citation, open) {
  const name = `${number}: ${placeName(citation)}`;
  return button(`[${number}]`, (event) => open(citation, event.currentTarget), { class: "cite", "aria-label": name, title: name });
}

/**
 * Return the list of passages: the cited places with their numbers, then the nearest ones that are not cited.
 * `words` are shown strongly where they stand exactly once in a passage: the short answer that was copied from it.
 */
export function passageList(cited, nearest, open, words = "") {
  const others = nearest.filter((near) => !cited.some((citation) => holds(citation, near) || holds(near, citation)));
  const list = el("ol", { class: "passages", "aria-label": "Passages" });
  cited.forEach((citation, i) => list.append(passage(citation, i + 1, open, words)));
  others.forEach((citation) => list.append(passage(citation, null, open, "")));
  return list;
}

/** Return the line above a passage: its file, which opens it, and the place there. */
export function whereLine(place, open) {
  return el("p", { class: "where" }, opener(place, open), el("span", { class: "muted" }, ` ${within(place)}`));
}

/** Return a text of a passage, in which `words` are strong where they stand exactly once. */
function quoted(text, words) {
  const parts = words ? text.split(words) : [text];
  const shown = parts.length === 2 ? [parts[0], el("strong", {}, words), parts[1]] : [text];
  return own("blockquote", shown[0], {}, ...shown.slice(1));
}

function passage(citation, number, open, words) {
  const head = whereLine(citation, open);
  if (number) head.prepend(el("span", { class: "number", "aria-hidden": "true" }, String(number)));
  if (citation.stale) head.append(el("span", { class: "warning" }, " changed since it was indexed"));
  const text = quoted(citation.text, words);
  text.classList.toggle("flow", citation.page !== null); // the lines of a page end where its paper does
  text.addEventListener("click", () => getSelection().isCollapsed && open(citation, head.querySelector("button")));
  return el("li", { class: number ? "cited" : "near" }, head, text);
}

function within({ place, page }) {
  return place || (page ? `page ${page}` : "");
}

function holds(outer, inner) {
  return outer.document_id === inner.document_id && outer.start <= inner.start && inner.end <= outer.end;
}
