// Why this answer: what was found, what the model was given, what was left out, and what it cost.

import { el, number, own } from "./dom.js";
import { whereLine } from "./passages.js";

const STAGES = {
  queue: "Waiting for its turn",
  retrieve: "Searching",
  evidence: "Ranking the sentences",
  rerank: "Reading the best passages again",
  prompt: "Making the prompt",
  verdict: "Judging whether the passages answer",
  generate: "Writing",
  cite: "Checking the citations",
};

/** Return the closed part of a turn that says all this. */
export function why(answer, open) {
  const parts = [facts(answer), scores(answer.hits, open), costs(answer.usage), dropped(answer.dropped), prompt(answer.prompt)];
  return el("details", { class: "why", role: "group", "aria-label": "Why this answer" }, el("summary", {}, "Why this answer"), ...parts);
}

function facts(answer) {
  const list = el("dl", { class: "facts" });
  const add = (name, value) => list.append(el("dt", {}, name), own("dd", value));
  add("Index version", String(answer.index_version));
  if (answer.searched) add("Searched for", answer.searched);
  if (answer.confidence !== null) add("Probability to be right", `${number(100 * answer.confidence)}%`);
  if (answer.reason) add("Reason for no answer", answer.reason);
  if (answer.finish) add("Ended by", answer.finish);
  return list;
}

/** Return the passages that were found, with the score of each search. */
function scores(hits, open) {
  if (!hits.length) return section("Passages found", el("p", {}, "None."));
  const names = [...new Set(hits.flatMap((hit) => Object.keys(hit.scores)))];
  const rows = hits.map((hit) => {
    const figures = [hit.score, ...names.map((name) => hit.scores[name])];
    return [whereLine(hit, open), ...figures.map((figure) => (figure === undefined ? "" : number(figure, 3)))];
  });
  return section("Passages found", table(["Passage", "score", ...names], rows));
}

/** Return the milliseconds and the tokens by stage. */
function costs(usage) {
  const ms = Object.entries({ queue_ms: 0, ...usage }).filter(([name]) => name.endsWith("_ms"));
  const tokens = Object.entries(usage).filter(([name]) => name.includes("tokens"));
  const all = ms.reduce((sum, [, value]) => sum + value, 0);
  const times = ms.map(([name, value]) => {
    const stage = name.slice(0, -"_ms".length);
    return [STAGES[stage] ?? stage.replaceAll("_", " "), number(value), share(value / all)];
  });
  const counts = tokens.map(([name, value]) => [name.replace(/_tokens$/, "").replaceAll("_", " "), number(value)]);
  return el(
    "div",
    {},
    section("Time", table(["Stage", "milliseconds", "share"], [...times, ["All", number(all), ""]])),
    counts.length ? section("Tokens", table(["Part", "tokens"], counts)) : null,
  );
}

function dropped(parts) {
  if (!parts.length) return null;
  return section("Left out of the prompt", table(["Part", "Reason"], parts.map((part) => [part.what, part.reason]), "texts"));
}

function prompt(text) {
  const shown = text
    ? own("pre", text, { tabindex: "0", "aria-label": "Prompt" })
    : el("p", {}, "The model was not asked: the program found the answer in the passages, or found none, by itself.");
  return section("Exact prompt", shown);
}

function section(title, body) {
  return el("section", {}, el("h4", {}, title), body);
}

/** Return a table whose first column is text and whose others are figures, unless `kind` is `texts`. */
function table(names, rows, kind = "figures") {
  const head = el("tr", {}, ...names.map((name) => el("th", { scope: "col" }, name)));
  const body = rows.map((cells) => el("tr", {}, ...cells.map((cell) => el("td", {}, cell))));
  const whole = el("table", { class: kind }, el("thead", {}, head), el("tbody", {}, ...body));
  return el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": names[0] }, whole);
}

/** Return a bar as long as a share of the whole. */
function share(part) {
  return el("meter", { min: "0", max: "1", value: String(part || 0), "aria-hidden": "true" });
}
