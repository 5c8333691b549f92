// A conversation of this tab as a file: Markdown for people, JSON for programs. The server makes those that it keeps.

import { text } from "./api.js";
import { download, safeName, sentence } from "./dom.js";
import { Numbering, placeName } from "./passages.js";

const KEYS = ["text", "abstained", "reason", "advice", "kind", "confidence", "unanswered", "sentences", "citations"];

/** Hand a conversation to the person as `markdown` or `json`. */
export async function exported(conversation, form) {
  const { id, title } = conversation;
  const made = id ? await text(`/api/conversations/${id}/${form}`) : { markdown, json }[form](conversation);
  download(`${fileNameOf(title)}.${form === "json" ? "json" : "md"}`, made);
}

function markdown({ title, turns }) {
  const parts = [`# ${escaped(title)}`];
  for (const { question, answer } of turns) {
    const numbering = new Numbering();
    parts.push(`## ${escaped(question)}`);
    if (answer.abstained) parts.push(`No answer: ${escaped(answer.reason)}. ${escaped(sentence(answer.advice))}`);
    for (const { text, citations } of answer.sentences) {
      parts.push(escaped(text) + citations.map((citation) => ` [${numbering.of(citation)}]`).join(""));
    }
    parts.push(...numbering.places.map((place, i) => `[${i + 1}] ${escaped(placeName(place))}:\n\n> ${escaped(place.text)}`));
  }
  return `${parts.join("\n\n")}\n`;
}

function json({ title, turns }) {
  const plain = turns.map(({ question, answer, stale }) => {
    const kept = Object.fromEntries(KEYS.map((key) => [key, answer[key]]));
    return { question, ...kept, generation: answer.index_version, stale };
  });
  return `${JSON.stringify({ title, turns: plain }, null, 2)}\n`;
}

/** Return a text on one line in which no character means anything in Markdown or makes a link; as ragqa/serve/exports.py. */
function escaped(text) {
  const line = text.replace(/\s+/g, " ").trim().replace(/[\\`*_[\]<>&|~$@]|^[#+=-]|(?<=:)\/(?=\/)|(?<=www)\./gi, "\\$&");
  return line.replace(/^(\d+)([.)])/, "$1\\$2");
}

function fileNameOf(title) {
  return safeName(title).replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").slice(0, 60) || "conversation";
}
