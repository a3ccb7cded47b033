/** A seeded sequence of numbers: the same seed gives the same run. */
export interface Random {
  /** A whole number, 0 ≤ n < `bound`. */
  below(bound: number): number;
  /** Whether one of `of` has come up. */
  oneIn(of: number): boolean;
  /** One of the items; there must be one. */
  pick<T>(items: readonly T[]): T;
  /** A sequence of its own, which later draws from this one do not change. */
  fork(label: string): Random;
}

/** @param seed - A number, or any text. */
export function seededRandom(seed: number | string): Random {
  let state = hash(String(seed));
  const next = (): number => {
    state = (state + 0x9e3779b9) | 0;
    return mix(state);
  };
  const below = (bound: number): number => Math.floor((next() / 2 ** 32) * bound);
  return {
    below,
    oneIn: (of) => below(of) === 0,
    pick: <T>(items: readonly T[]): T => {
      const index = below(items.length);
      const item = items[index];
      if (item === undefined) throw new RangeError("There is nothing to pick from.");
      return item;
    },
    fork: (label) => seededRandom(`${String(seed)}/${label}`),
  };
}

/** A permutation of the items. */
export function shuffled<T>(items: readonly T[], random: Random): T[] {
  const rest = [...items];
  const result: T[] = [];
  while (rest.length > 0) result.push(...rest.splice(random.below(rest.length), 1));
  return result;
}

/** FNV-1a, 32 bits: http://www.isthe.com/chongo/tech/comp/fnv/ */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193);
  return value | 0;
}

/** The finaliser of MurmurHash3, which spreads a counter over 32 bits: https://github.com/aappleby/smhasher */
function mix(value: number): number {
  let bits = value;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
