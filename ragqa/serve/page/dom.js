// Elements from data. Text is set as text, never as HTML, so that nothing in a document, an answer or a name can act.

const SVG = "http://www.w3.org/2000/svg";

const ICONS = {
  close: "M5 5l10 10M15 5L5 15",
  copy: "M7 7V4h9v9h-3M4 7h9v9H4z",
  edit: "M4 16l1-4 8-8 3 3-8 8-4 1z",
  good: "M7 9l3-6c1.5 0 2 1 2 2v3h4l-1 8H7zM7 9H4v7h3",
  bad: "M13 11l-3 6c-1.5 0-2-1-2-2v-3H4l1-8h8zM13 11h3V4h-3",
};

// Characters that can make a name look like another one: controls, and marks that turn the direction of writing.
const MISLEADING = /[\u0000-\u001f\u007f-\u009f\u200b\u2028-\u202e\u2060\u2066-\u2069\ufeff]/gu;

/** Return an element. A key `onNAME` is a listener; a value of null or false leaves the attribute out. */
export function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== ""));
  return node;
}

/** Return a button that shows a text or an element; `attributes` as in `el`. */
export function button(text, onclick, attributes = {}) {
  return el("button", { type: "button", onclick, ...attributes }, text);
}

/** Return a button that shows a picture; its name is read aloud, and shown under the pointer. */
export function iconButton(icon, name, onclick, attributes = {}) {
  const more = { class: "icon", "aria-label": name, title: name, ...attributes };
  return el("button", { type: "button", onclick, ...more }, drawing(icon));
}

/** Return a text of a document or of a person, in its own direction of writing. */
export function own(name, text, attributes = {}, ...more) {
  return el(name, { dir: "auto", ...attributes }, text, ...more);
}

/** Return the name of a file as an element; characters that mislead are shown as a sign. */
export function fileName(source) {
  return el("bdi", {}, safeName(source));
}

/** Return the name of a file with a sign in place of characters that mislead. */
export function safeName(source) {
  return source.replace(MISLEADING, "\ufffd");
}

/** Say something to people who listen to the page; it is not shown. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}

/** Return a number as people write it; `digits` after the point. */
export function number(value, digits = 0) {
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Return a number of things, such as `1 document` or `2 documents`. */
export function count(n, thing) {
  return `${number(n)} ${thing}${n === 1 ? "" : "s"}`;
}

/** Return a time as people write it. */
export function day(time) {
  return new Date(time).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

/** Return a text as a sentence: with a large letter at its beginning, and a full stop. */
export function sentence(text) {
  return text && text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}

/** Hand a text to the person as a file. */
export function download(name, text) {
  const address = URL.createObjectURL(new Blob([text]));
  el("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** Put a text on the clipboard; return whether it is there. Browsers offer their new way to safe addresses only. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const box = el("textarea", { class: "unseen", "aria-hidden": "true" });
    document.body.append(box);
    box.value = text;
    box.select();
    const done = document.execCommand("copy");
    box.remove();
    return done;
  }
}

function drawing(icon) {
  const picture = document.createElementNS(SVG, "svg");
  const line = document.createElementNS(SVG, "path");
  picture.setAttribute("viewBox", "0 0 20 20");
  picture.setAttribute("aria-hidden", "true");
  line.setAttribute("d", ICONS[icon]);
  picture.append(line);
  return picture;
}
