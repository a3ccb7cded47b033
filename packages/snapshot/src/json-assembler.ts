/**
 * Makes of the pieces of a JSON text the value that `JSON.parse` makes of the whole, and refuses the same texts. What is small is left to the
 * engine; containers that are longer than a window are put together from their items. So neither the text is ever there as a whole, nor does any step
 * take longer than a window takes, but for a single long string.
 */
export class JsonAssembler {
  readonly #windowCharacters: number;
  /** What is not used yet. */
  #text = "";
  /** How much of it there has to be for the next step. */
  #needed: number;
  /** The containers that are not closed yet, outermost first. */
  readonly #open: Container[] = [];
  #root: { readonly value: unknown } | undefined;

  constructor(windowCharacters: number = WINDOW_CHARACTERS) {
    this.#windowCharacters = windowCharacters;
    this.#needed = windowCharacters;
  }

  /** @throws SyntaxError */
  add(text: string): void {
    for (let at = 0; at < text.length; at += this.#windowCharacters) {
      this.#text += text.slice(at, at + this.#windowCharacters);
      while (this.#text.length >= this.#needed && this.#step()) this.#needed = this.#windowCharacters;
    }
  }

  /** The value. @throws SyntaxError */
  finish(): unknown {
    if (this.#root === undefined) return parse(this.#text);
    while (this.#text.replace(BLANK, "") !== "") if (!this.#step()) throw notJson();
    if (this.#open.length > 0) throw notJson();
    return this.#root.value;
  }

  /** Uses some of the text. Answers whether it did: otherwise it takes more of it. */
  #step(): boolean {
    const top = this.#open.at(-1);
    if (top === undefined) return this.#root === undefined ? this.#begin() : this.#requireBlank();
    if (top.state === "after a value") return this.#separator(top);
    const { end, comma } = scan(this.#text);
    if (end >= 0) {
      this.#take(top, end, "after a value");
      this.#open.pop();
      if (this.#text[end] !== top.closing) throw notJson();
      this.#text = this.#text.slice(end + 1);
      return true;
    }
    if (comma < 0) return this.#descend(top);
    this.#take(top, comma, "after a comma");
    this.#text = this.#text.slice(comma + 1);
    return true;
  }

  /** The outermost value, of which not all is there. */
  #begin(): boolean {
    const text = this.#text.replace(BLANK, "");
    const container = containerOf(text[0]);
    if (container === undefined) return this.#wait();
    this.#root = { value: container.value };
    this.#enter(container, text.slice(1));
    return true;
  }

  #requireBlank(): boolean {
    if (this.#text.replace(BLANK, "") !== "") throw notJson();
    this.#text = "";
    return true;
  }

  /** Behind a container in a container. */
  #separator(top: Container): boolean {
    const text = this.#text.replace(BLANK, "");
    if (text === "") return this.#wait();
    if (text.startsWith(",")) top.state = "after a comma";
    else if (text.startsWith(top.closing)) this.#open.pop();
    else throw notJson();
    this.#text = text.slice(1);
    return true;
  }

  /** Items as far as `end`, which are there as a whole. */
  #take(top: Container, end: number, state: Container["state"]): void {
    const items = this.#text.slice(0, end);
    // Nothing between two commas, or between a comma and the end, is an error; between the brackets it is not.
    const isBlank = items.replace(BLANK, "") === "";
    if (isBlank && (top.state === "after a comma" || state === "after a comma")) throw notJson();
    if (!isBlank) top.add(items);
    top.state = state;
  }

  /** Goes into an item that is longer than the window, if it is a container; else waits for the rest of it. */
  #descend(top: Container): boolean {
    const { key, rest } = top.key(this.#text);
    const container = rest === undefined ? undefined : containerOf(rest[0]);
    if (container === undefined || rest === undefined) return this.#wait();
    top.put(key, container.value);
    top.state = "after a value";
    this.#enter(container, rest.slice(1));
    return true;
  }

  #enter(container: Container, text: string): void {
    this.#open.push(container);
    this.#text = text;
  }

  #wait(): boolean {
    this.#needed = this.#text.length * 2;
    return false;
  }
}

/** Some hundred microseconds of work for the engine. */
const WINDOW_CHARACTERS = 64 * 1024;

/** An array or object that is being put together. */
interface Container {
  readonly value: unknown;
  readonly closing: string;
  state: "begun" | "after a comma" | "after a value";
  /** Items with commas between them. */
  add(items: string): void;
  /** What stands in front of the next value: its key, if it has one. `rest` is `undefined` if not all of that is there. */
  key(text: string): { readonly key: string; readonly rest: string | undefined };
  put(key: string, value: unknown): void;
}

function containerOf(bracket: string | undefined): Container | undefined {
  if (bracket === "[") return arrayContainer();
  return bracket === "{" ? objectContainer() : undefined;
}

function arrayContainer(): Container {
  const value: unknown[] = [];
  return {
    value,
    closing: "]",
    state: "begun",
    add(items) {
      const parsed = parse(`[${items}]`);
      if (!Array.isArray(parsed)) throw notJson();
      for (const item of parsed) value.push(item);
    },
    key: (text) => ({ key: "", rest: text.replace(BLANK, "") }),
    put: (_, item) => value.push(item),
  };
}

function objectContainer(): Container {
  const value: Record<string, unknown> = {};
  const put = (key: string, item: unknown): void => {
    // An assignment would set the prototype.
    if (key === "__proto__") Object.defineProperty(value, key, { value: item, configurable: true, enumerable: true, writable: true });
    else value[key] = item;
  };
  return {
    value,
    closing: "}",
    state: "begun",
    add(items) {
      const parsed = parse(`{${items}}`);
      if (typeof parsed !== "object" || parsed === null) throw notJson();
      for (const [key, item] of Object.entries(parsed)) put(key, item);
    },
    key(text) {
      const [, quoted, rest] = KEY.exec(text) ?? [];
      return quoted === undefined ? { key: "", rest: undefined } : { key: String(parse(quoted)), rest };
    },
    put,
  };
}

/** Where the container ends that the text stands in, and the last comma before that between its items; −1 where there is none. */
function scan(text: string): { readonly end: number; readonly comma: number } {
  let [depth, comma] = [0, -1];
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) {
      at = endOfString(text, at + 1);
      if (at < 0) break;
    } else if (unit === OPEN_BRACE || unit === OPEN_BRACKET) depth += 1;
    else if (unit === CLOSE_BRACE || unit === CLOSE_BRACKET) {
      if (depth === 0) return { end: at, comma };
      depth -= 1;
    } else if (unit === COMMA && depth === 0) comma = at;
  }
  return { end: -1, comma };
}

function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start); at >= 0; at = text.indexOf('"', at + 1)) {
    let backslashes = 0;
    while (at - backslashes > start && text.charCodeAt(at - backslashes - 1) === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return at;
  }
  return -1;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw notJson();
  }
}

/** Without the text, which is the user's. */
function notJson(): SyntaxError {
  return new SyntaxError("the stored bytes are not a JSON text");
}

const BLANK = /^[ \t\n\r]+/;
const KEY = /^[ \t\n\r]*("(?:[^"\\]|\\.)*")[ \t\n\r]*:[ \t\n\r]*([^]*)$/;
const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
