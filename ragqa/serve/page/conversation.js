// The conversation that is going on: its turns, and where they are kept. The server keeps them where it is told to;
// else they live in this tab, through a reload but no longer.

import { get, post } from "./api.js";

const KEY = "ragqa-conversation";

// How earlier turns are remembered, as in ragqa/conversation.py.
const TURNS = 4;
const NO_ANSWER = "I do not know.";
const NOT_UNDERSTOOD = ["unknown_name", "nothing_asked"];

/**
 * A conversation; `turns` are `{question, answer, stale, number}` with the answer as the server sent it. `number` is that of
 * the turn on the server; null where it could not be kept.
 */
export class Conversation {
  /** `kept` tells whether the server keeps conversations. */
  constructor(kept, { id = null, title = "", turns = [] } = {}) {
    Object.assign(this, { kept, id, title, turns });
  }

  /** Return the conversation that this tab had before it was loaded again; a new one where it had none. */
  static async restored(kept) {
    const saved = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
    if (!saved || Boolean(saved.id) !== kept) return new Conversation(kept);
    if (!saved.id) return new Conversation(false, saved);
    try {
      return await Conversation.opened(saved.id);
    } catch (error) {
      if (error.status === 404) return new Conversation(true); // it was deleted, or is that of another token
      throw error;
    }
  }

  /** Return a conversation that the server keeps. */
  static async opened(id) {
    const conversation = new Conversation(true, await get(`/api/conversations/${id}`));
    conversation.turns.forEach((turn, number) => Object.assign(turn, { number }));
    conversation.#save();
    return conversation;
  }

  /**
   * Return the body of a request that asks a question as turn `at`: those from there on are replaced by it.
   * The server knows the turns before of a conversation that it keeps.
   */
  async request(question, at) {
    if (!this.kept) return { question, history: this.history(at) };
    if (!this.id) {
      this.title = question;
      this.id = (await post("/api/conversations", { title: [...question].slice(0, 200).join("") })).id;
    }
    const replaced = this.turns.slice(at).find(({ number }) => number !== null);
    return { question, conversation: this.id, ...(replaced && { replace_from: replaced.number }) };
  }

  /** Note the answer to turn `at`; return whether it outlives a reload of the page. */
  answered(at, question, answer) {
    this.title ||= question;
    this.turns.splice(at, Infinity, { question, answer, stale: false, number: answer.turn ?? null });
    return this.#save();
  }

  /** Forget it in this tab. */
  forget() {
    sessionStorage.removeItem(KEY);
  }

  /** Return the last turns before `at`, each with the text cited for it, so that no wrong word of an answer is repeated. */
  history(at) {
    const topics = this.turns.slice(0, at).filter((turn) => !NOT_UNDERSTOOD.includes(turn.answer.reason));
    return topics.slice(-TURNS).map(({ question, answer }) => ({ question, answer: remembered(answer) }));
  }

  #save() {
    try {
      const { id, title, turns } = this;
      sessionStorage.setItem(KEY, JSON.stringify(id ? { id } : { title, turns }));
      return true;
    } catch {
      return false; // more than a browser keeps for a tab
    }
  }
}

function remembered(answer) {
  return [...new Set(answer.citations.map((citation) => citation.text))].join(" ") || NO_ANSWER;
}
