// An answer: its sentences with their citations, what is said about it, and an abstention.

import { button, count, el, number, own, sentence } from "./dom.js";
import { citationButton, placeName } from "./passages.js";

const KINDS = {
  span: "Copied from a document, word for word",
  quote: "Quoted from the documents, word for word",
  write: "Written by the model; each sentence was compared with the passages",
  summary: "Sentences copied from all over the documents",
  catalogue: "Counted by the program, not by the model",
};

const REASONS = {
  nothing_asked: "The question names nothing that could be looked for.",
  unknown_name: "No document has a name that the question asks about.",
  no_evidence: "No passage is about this.",
  low_confidence: "The nearest passages may answer it, but that is not sure enough.",
  not_in_passages: "The passages that were found do not say it.",
  unsupported: "What was written stands in no passage, so it is not shown.",
  deadline: "The time was up before there was an answer.",
};

const FINISH = { deadline: "The time was up: the answer ends here.", length: "The answer was cut at its greatest length." };

/** Show the sentences in `place`. Those that are there already stay as they are, so that they are not read aloud again. */
export function showSentences(place, sentences, numbering, open) {
  sentences.forEach((each, i) => {
    const numbers = each.citations.map((citation) => numbering.of(citation));
    const key = JSON.stringify([each.text, numbers, each.citations]);
    const there = place.children[i];
    if (there && keys.get(there) === key) return;
    const shown = sentenceWith(each, numbers, open);
    keys.set(shown, key);
    if (there) there.replaceWith(shown);
    else place.append(shown);
  });
  while (place.children.length > sentences.length) place.lastChild.remove();
}

const keys = new WeakMap();

function sentenceWith({ text, citations }, numbers, open) {
  const buttons = citations.map((citation, i) => citationButton(numbers[i], citation, open));
  return own("p", text, { class: "sentence" }, " ", ...buttons);
}

/** Return what is said below an answer: how it was made, how sure it is, and what it leaves out. */
export function remarks(answer) {
  const list = el("ul", { class: "remarks" });
  const add = (text, name = "") => list.append(own("li", text, { class: name }));
  if (answer.unanswered.length) add(`Not answered: ${answer.unanswered.join("; ")}`, "warning");
  if (answer.unsupported) add(`${count(answer.unsupported, "sentence")} left out: nothing in the passages supports them.`);
  if (FINISH[answer.finish]) add(FINISH[answer.finish], "warning");
  if (answer.coverage) {
    const { vectors, texts } = answer.coverage;
    add(`The index is not complete: ${number(vectors)} of ${number(texts)} texts can be found by their meaning so far.`);
  }
  if (answer.read) add(`Read: ${answer.read}`);
  const sure = answer.confidence === null ? "" : ` \u00b7 ${number(100 * answer.confidence)}%\u00a0sure`;
  if (KINDS[answer.kind]) add(KINDS[answer.kind] + sure);
  return list;
}

/** Return what is shown where there is no answer: why, and what can be done. */
export function abstention(answer, searchInstead) {
  const advice = sentence(answer.advice);
  return el(
    "div",
    { class: "abstained" },
    el("h3", {}, "The documents give no answer"),
    answer.reason === "unknown_name" && advice ? null : own("p", REASONS[answer.reason] ?? "Nothing in them answers the question."),
    advice ? own("p", advice) : null,
    el("p", {}, button("Search instead", () => searchInstead(answer.question))),
  );
}

/** Return an answer as text with its numbered sources, to be put somewhere else. */
export function asText(answer, numbering) {
  const numbers = (citations) => citations.map((citation) => `[${numbering.of(citation)}]`).join("");
  const sentences = answer.sentences.map(({ text, citations }) => text + numbers(citations));
  const body = answer.abstained ? "The documents give no answer." : sentences.join(answer.kind === "write" ? " " : "\n");
  const sources = numbering.places.map((place, i) => `[${i + 1}] ${placeName(place)}: \u201c${place.text.trim()}\u201d`);
  return [body, sources.join("\n")].filter(Boolean).join("\n\n");
}
