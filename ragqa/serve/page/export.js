// A conversation of this tab as a file: Markdown for people, JSON for programs. The server makes those that it keeps.

import { text } from "./api.js";
import { asText } from "./answer.js";
import { download, safeName } from "./dom.js";
import { Numbering } from "./passages.js";

/** Hand a conversation to the person as `markdown` or `json`. */
export async function exported(conversation, form) {
  const name = fileNameOf(conversation.title);
  if (form === "markdown") download(`${name}.md`, conversation.id ? await kept(conversation, form) : markdown(conversation), "text/markdown");
  else download(`${name}.json`, conversation.id ? await kept(conversation, form) : json(conversation), "application/json");
}

function kept(conversation, form) {
  return text(`/api/conversations/${conversation.id}/${form}`);
}

function markdown({ title, turns }) {
  const parts = turns.map(({ question, answer }) => `## ${oneLine(question)}\n\n${escaped(asText(answer, numberingOf(answer)))}`);
  return `# ${oneLine(title)}\n\n${parts.join("\n\n")}\n`;
}

function json({ title, turns }) {
  const slim = turns.map(({ question, answer }) => {
    const { text, abstained, reason, advice, kind, confidence, sentences, citations, searched, index_version } = answer;
    return { question, answer: { text, abstained, reason, advice, kind, confidence, sentences, citations, searched, index_version } };
  });
  return `${JSON.stringify({ title, turns: slim }, null, 2)}\n`;
}

function numberingOf(answer) {
  const numbering = new Numbering();
  answer.citations.forEach((citation) => numbering.of(citation));
  return numbering;
}

/** Return a text whose characters mean nothing in Markdown. */
function escaped(text) {
  return text.replace(/[\\`*_{}<>#|]/g, "\\$&");
}

function oneLine(text) {
  return escaped(text.replace(/\s+/g, " ").trim());
}

function fileNameOf(title) {
  return safeName(title).replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").slice(0, 60) || "conversation";
}
