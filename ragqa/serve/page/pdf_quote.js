/* Where a quote stands in the texts of a PDF page. Strings in, places out: nothing here knows of pages or of marks.

   The quote was read from the same file by another program. White space, hyphens at the ends of lines, ligatures,
   invisible characters and the bars of tables differ between the two, so both are compared without them. A place is
   right or none is returned: where the words stand twice, the text around the quote decides, or nothing does. */

const IGNORED = /[\s|\p{Cc}\p{Cf}\p{Co}]/u;
const RULE = /^[|\s:]*-{3,}[-|\s:]*$/gmu; // the line below the head of a table
const HYPHEN = /[-\u2010\u2011]/u;
const LETTER = /\p{L}/u;
const WORD = /[\p{L}\p{N}]/u;
const LAM_ALEF = /[\u0627\u0644\u0653-\u0655]{2,}/gu; // one glyph stands for both letters; programs differ in their order
const UNKNOWN = "\ufffd"; // stands in the quote for a character that could not be decoded
const ENOUGH = 12; // letters around a quote that must agree before they decide between two places
const CONTEXT = 1000; // letters around a quote that are looked at
const LINES = 60; // the most lines of a quote that are looked for one by one
const PIECE = 8; // the fewest letters that are looked for alone
const CELLS = 5; // the fewest words by which the row of a table is known
const ROWS = 2000; // the most lines of a page that are compared

/** Return the letters of some texts that are compared, and of each letter its text and where it begins and ends there. */
function letters(texts) {
  let joined = "";
  let last = "";
  const places = [];
  texts.forEach((text, index) => {
    let start = 0;
    for (const char of text) {
      const end = start + char.length;
      if (!IGNORED.test(char)) {
        const skipped = HYPHEN.test(char) && LETTER.test(last);
        const parts = skipped ? "" : char.normalize("NFKD").replace(/\s/gu, "");
        if (skipped && places.at(-1).index === index) places.at(-1).end = end; // it is marked with the letter before
        joined += parts;
        for (let unit = 0; unit < parts.length; unit++) places.push({ index, start, end });
        last = char;
      }
      start = end;
    }
  });
  return { joined: joined.replace(LAM_ALEF, (run) => [...run].sort().join("")), places, texts };
}

/** Return where some letters stand in those of a page: `[start, end]`, once for each place. */
function occurrences(page, wanted) {
  const parts = wanted.split(/(\ufffd+)/u).filter(Boolean);
  const found = [];
  for (let at = page.indexOf(parts[0]); at >= 0; at = page.indexOf(parts[0], at + 1)) {
    let end = at;
    let gap = 0;
    for (const part of parts) {
      if (part[0] === UNKNOWN) { gap = 4 * part.length; continue; } // a syllable is up to four letters
      const skipped = page.slice(end, end + gap + part.length).indexOf(part);
      end = skipped < 0 ? NaN : end + skipped + part.length;
      gap = 0;
    }
    if (end) found.push([at, end]);
  }
  return found;
}

/** Return whether a place begins or ends in the middle of a word, as "art" does in "party". The rest of a word may be
    what could not be decoded of the quote. */
function cutsWord({ texts, places }, [start, end], quote) {
  const before = (text, at) => [...text.slice(Math.max(0, at - 2), at)].at(-1) ?? "";
  const inside = (text, at) => WORD.test(before(text, at)) && WORD.test([...text.slice(at, at + 2)][0] ?? "");
  const first = places[start], last = places[end - 1];
  const begins = quote[0] !== UNKNOWN && inside(texts[first.index], first.start);
  return begins || (quote.at(-1) !== UNKNOWN && inside(texts[last.index], last.end));
}

/** Return how many letters two texts have in common, counted by a function of the number that gives one letter of each. */
function common(one, other, letter) {
  let count = 0;
  while (count < Math.min(CONTEXT, one.length, other.length) && letter(one, count) === letter(other, count)) count++;
  return count;
}

/** Return the one place around which the context of the quote stands too, or null. */
function decided(found, page, context) {
  const before = letters([(context.before ?? "").slice(-2 * CONTEXT)]).joined;
  const after = letters([(context.after ?? "").slice(0, 2 * CONTEXT)]).joined;
  const agreed = found.map(([start, end]) =>
    common(page.slice(0, start), before, (text, count) => text.at(-1 - count)) +
    common(page.slice(end), after, (text, count) => text[count]));
  const [best, second] = agreed.toSorted((one, other) => other - one);
  return best >= ENOUGH && best > second ? found[agreed.indexOf(best)] : null;
}

/** Return the one place `[start, end]` of a text in the letters of a page, or null. */
function place(page, text, context) {
  const all = letters([text.replace(RULE, "")]).joined;
  const wanted = all.replace(/^\ufffd+|\ufffd+$/gu, "");
  if (wanted.replaceAll(UNKNOWN, "").length * 2 <= wanted.length) return null;
  const found = occurrences(page.joined, wanted).filter((each) => !cutsWord(page, each, all));
  return found.length > 1 ? decided(found, page.joined, context) : found[0] ?? null;
}

/** Return the places of a quote whose lines stand apart on the page, each as long as can be, or null. */
function apart(page, lines, context) {
  const found = [];
  for (let first = 0, next; first < lines.length; first = next) {
    let one = null;
    for (next = lines.length; next > first && !one; next -= one ? 0 : 1) {
      const before = (context.before ?? "") + lines.slice(0, first).join("\n");
      const after = lines.slice(next).join("\n") + (context.after ?? "");
      one = place(page, lines.slice(first, next).join("\n"), { before, after });
    }
    if (!one || one[1] - one[0] < PIECE || found.some(([start, end]) => one[0] < end && start < one[1])) return null;
    found.push(one);
  }
  return found;
}

/** Return the places of a quote that is all of some lines of the page, whose parts were read in another order, such as
    the cells of a row; or null. The lines have its letters, no more and no less, and no other lines have them. A cell
    over several columns of a table is read once for each: there, words are compared, and not how often they stand.

    @param {number[][]} rows - the texts of each line of the page, from the top to the bottom */
function asLines(page, quote, rows) {
  if (rows.length > ROWS) return null;
  const bare = quote.replace(RULE, "");
  const places = page.texts.map(() => []);
  page.places.forEach(({ index }, at) => places[index].push([at, at + 1]));
  const sorted = (parts) => [...parts].sort().join("");
  const wanted = sorted(letters([bare]).joined), cells = new Set(words(bare));
  const lettersOf = (row) => row.flatMap((index) => places[index].map(([at]) => page.joined[at]));
  const wordsOf = (row) => row.flatMap((index) => words(page.texts[index]));
  let found = [];
  if (wanted.length >= PIECE) {
    found = windows(rows.map(lettersOf), wanted.length, (parts) => parts.length === wanted.length && sorted(parts) === wanted);
  }
  if (!found.length && bare.includes("|") && cells.size >= CELLS) {
    const same = (parts) => new Set(parts).size === cells.size && parts.every((each) => cells.has(each));
    found = windows(rows.map(wordsOf), 4 * cells.size, same);
  }
  if (found.length !== 1) return null;
  return rows.slice(...found[0]).flat().sort((one, other) => one - other).flatMap((index) => places[index]);
}

function words(text) {
  return text.normalize("NFKC").match(/[\p{L}\p{N}]+/gu) ?? [];
}

/** Return the shortest runs `[first, next]` of lines whose parts, `most` at most, are the same as those that are wanted. */
function windows(lines, most, same) {
  const found = [];
  lines.forEach((line, first) => {
    const parts = [];
    for (let next = first; line.length && next < lines.length && parts.length <= most; next++) {
      parts.push(...lines[next]);
      if (!same(parts)) continue;
      if (found.at(-1)?.[1] === next + 1) found.pop();
      found.push([first, next + 1]);
      return;
    }
  });
  return found;
}

/** Return the spans `{index, start, end}` of the texts in which a quote stands, in its order, or null where it stands
    nowhere, or at several places between which the context does not decide.

    @param {string[]} texts - the texts of a page, in the order in which they are drawn
    @param {{before?: string, after?: string}} context - the text around the quote, as it was indexed
    @param {() => number[][]} rows - returns the indexes of the texts of each line of the page */
export function findQuote(texts, quote, context = {}, rows = () => []) {
  const page = letters(texts);
  const whole = place(page, quote, context);
  if (whole) return spans(page.places.slice(...whole));
  const lines = quote.replace(RULE, "").split("\n").filter((line) => line.trim());
  const found = (lines.length > 1 && lines.length <= LINES && apart(page, lines, context)) || asLines(page, quote, rows());
  return found && connected(found).flatMap(([start, end]) => spans(page.places.slice(start, end)));
}

/** Return places as few as can be: those that follow one another are one. */
function connected(places) {
  const found = [];
  for (const [start, end] of places) {
    if (found.at(-1)?.[1] === start) found.at(-1)[1] = end;
    else found.push([start, end]);
  }
  return found;
}

/** Return one span for the letters of each text. */
function spans(places) {
  const found = [];
  for (const { index, start, end } of places) {
    if (found.at(-1)?.index === index) found.at(-1).end = end;
    else found.push({ index, start, end });
  }
  return found;
}
