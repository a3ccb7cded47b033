/**
 * The text of `JSON.stringify(value)`, in pieces that each take little time: what is small is left to the engine, what is large is
 * gone through. The same text for every value, and an error for the same ones. The keys of one object are listed in one step.
 *
 * @param smallUnits - Roughly how many values, or eights of characters, are small.
 * @throws TypeError for a cycle, a bigint, or a value for which JSON has no text.
 */
export function* jsonPieces(value: unknown, smallUnits: number = SMALL_UNITS): Generator<string, void, undefined> {
  const prepared = prepare(value, "");
  if (!hasText(prepared)) throw new TypeError(`JSON has no text for ${typeof value}`);
  yield* piecesOf(prepared, { smallUnits, above: [], longKeys: new Map() });
}

interface Walk {
  readonly smallUnits: number;
  /** The containers that the value is in. */
  readonly above: unknown[];
  /** Keys of objects that have many: to list them takes its time. */
  readonly longKeys: Map<object, readonly string[]>;
}

/** Less than a millisecond of work for the engine. */
const SMALL_UNITS = 4096;

function* piecesOf(value: unknown, walk: Walk): Generator<string, void, undefined> {
  if (typeof value === "string" && value.length > walk.smallUnits * 8) yield* stringPieces(value, walk.smallUnits * 8);
  else if (!isContainer(value) || (!hasToJson(value) && isSmall(value, walk))) yield JSON.stringify(value);
  else yield* containerPieces(value, walk);
}

function* containerPieces(value: object, walk: Walk): Generator<string, void, undefined> {
  if (walk.above.includes(value)) throw new TypeError("a value that contains itself has no JSON text");
  walk.above.push(value);
  if (Array.isArray(value)) yield* arrayPieces(value, walk);
  else yield* objectPieces(value, walk);
  walk.above.pop();
}

function* arrayPieces(items: readonly unknown[], walk: Walk): Generator<string, void, undefined> {
  if (items.length === 0) yield "[]";
  for (let index = 0; index < items.length; index++) {
    yield index === 0 ? "[" : ",";
    const item = prepare(items[index], String(index));
    yield* piecesOf(hasText(item) ? item : null, walk);
  }
  if (items.length > 0) yield "]";
}

function* objectPieces(value: object, walk: Walk): Generator<string, void, undefined> {
  let separator = "{";
  for (const key of keysOf(value, walk)) {
    const item = prepare((value as Readonly<Record<string, unknown>>)[key], key);
    if (!hasText(item)) continue;
    yield `${separator}${JSON.stringify(key)}:`;
    separator = ",";
    yield* piecesOf(item, walk);
  }
  walk.longKeys.delete(value);
  yield separator === "{" ? "{}" : "}";
}

/** What JSON.stringify makes of a value before it looks at it. */
function prepare(value: unknown, key: string): unknown {
  if ((typeof value !== "object" && typeof value !== "bigint") || value === null) return value;
  return hasToJson(value) ? value.toJSON(key) : value;
}

function hasToJson(value: object | bigint): value is { toJSON(key: string): unknown } {
  return "toJSON" in Object(value) && typeof (value as { readonly toJSON?: unknown }).toJSON === "function";
}

function hasText(value: unknown): boolean {
  return value !== undefined && typeof value !== "function" && typeof value !== "symbol";
}

/** What is gone through; numbers, strings and the like that are objects are not. */
function isContainer(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  return !(value instanceof Number || value instanceof String || value instanceof Boolean || value instanceof BigInt);
}

/** Whether a value and all below it are at most so many. Looks at no more than that. */
function isSmall(value: object, walk: Walk): boolean {
  let left = walk.smallUnits;
  const open: unknown[] = [value];
  while (open.length > 0) {
    const next = open.pop();
    left -= typeof next === "string" ? 1 + next.length / 8 : 1;
    if (left < 0) return false;
    if (!isContainer(next)) continue;
    if (Array.isArray(next)) {
      if (next.length > left) return false;
      for (const item of next) open.push(item);
    } else {
      const keys = keysOf(next, walk);
      if (keys.length > left) return false;
      for (const key of keys) open.push((next as Readonly<Record<string, unknown>>)[key]);
    }
  }
  return true;
}

function keysOf(value: object, walk: Walk): readonly string[] {
  const known = walk.longKeys.get(value);
  if (known !== undefined) return known;
  const keys = Object.keys(value);
  if (keys.length > walk.smallUnits) walk.longKeys.set(value, keys);
  return keys;
}

/** A long string, cut between characters. */
function* stringPieces(value: string, pieceCharacters: number): Generator<string, void, undefined> {
  yield '"';
  for (let at = 0; at < value.length; ) {
    let end = Math.min(at + Math.max(2, pieceCharacters), value.length);
    // A pair of surrogates is one character, and escaped where it is not seen as one.
    if (end < value.length && end > at + 1 && isHighSurrogate(value.charCodeAt(end - 1))) end -= 1;
    yield JSON.stringify(value.slice(at, end)).slice(1, -1);
    at = end;
  }
  yield '"';
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}
