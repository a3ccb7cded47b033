import { describe, expect, it } from "vitest";
import { search } from "../src/search.js";
import type { Model } from "../src/search.js";

/** Jugs of 3 and 5 litres; the promise is that 4 litres are never measured. */
function jugs(promised: number): Model {
  const sizes: readonly [number, number] = [3, 5];
  return {
    stateWords: 2,
    initial: () => Uint32Array.of(0, 0),
    expand(state, visitor) {
      const go = (small: number, large: number, label: string): void => {
        const isNew = visitor.visit(Uint32Array.of(small, large), () => label);
        if (isNew && large === promised) visitor.violation(`${promised} litres`);
      };
      const small = state[0] ?? 0;
      const large = state[1] ?? 0;
      go(sizes[0], large, "fill the small one");
      go(small, sizes[1], "fill the large one");
      go(0, large, "empty the small one");
      go(small, 0, "empty the large one");
      const toLarge = Math.min(small, sizes[1] - large);
      go(small - toLarge, large + toLarge, "pour into the large one");
      const toSmall = Math.min(large, sizes[0] - small);
      go(small + toSmall, large - toSmall, "pour into the small one");
    },
  };
}

/** A square of `side` by `side` fields; steps go right and down. */
function square(side: number): Model {
  return {
    stateWords: 3,
    initial: () => Uint32Array.of(0, 0, 7),
    expand(state, visitor) {
      const x = state[0] ?? 0;
      const y = state[1] ?? 0;
      if (x + 1 < side) visitor.visit(Uint32Array.of(x + 1, y, 7), "right");
      if (y + 1 < side) visitor.visit(Uint32Array.of(x, y + 1, 7), "down");
    },
  };
}

/** States in a row, with bits that look like chance. */
function line(length: number): Model {
  const stateOf = (index: number): Uint32Array => {
    const mixed = Math.imul(index ^ (index >>> 15), 0x85eb_ca6b);
    return Uint32Array.of(index, Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35), mixed);
  };
  return {
    stateWords: 3,
    initial: () => stateOf(0),
    expand(state, visitor) {
      const next = (state[0] ?? 0) + 1;
      if (next < length) visitor.visit(stateOf(next), "on");
    },
  };
}

describe("search", () => {
  it("finds every state once and counts every step", () => {
    const result = search(jugs(6), { limit: 1000 });
    expect(result).toEqual({ states: 16, steps: 16 * 6, complete: true, violation: undefined });
  });

  it("finds a shortest way to a broken promise", () => {
    const { complete, violation } = search(jugs(4), { limit: 1000 });
    expect(complete).toBe(false);
    expect(violation).toEqual({
      message: "4 litres",
      trace: [
        "fill the large one",
        "pour into the small one",
        "empty the small one",
        "pour into the small one",
        "fill the large one",
        "pour into the small one",
      ],
    });
  });

  it("keeps states apart while its tables grow", () => {
    const side = 150;
    const { states, steps, complete } = search(square(side), { limit: 1e6 });
    expect({ states, steps, complete }).toEqual({ states: side * side, steps: 2 * side * (side - 1), complete: true });
  });

  it("compares states, not hashes", () => {
    // So many that about 18 pairs have the same 32-bit hash.
    expect(search(line(400_000), { limit: 1e6 })).toMatchObject({ states: 400_000, complete: true });
  });

  it("stops at the limit and says so", () => {
    const { states, complete } = search(square(150), { limit: 5000 });
    expect(complete).toBe(false);
    expect(states).toBeGreaterThanOrEqual(5000);
    expect(states).toBeLessThanOrEqual(5001);
  });

  it("blames a step that leads back to a known state", () => {
    const model: Model = {
      stateWords: 1,
      initial: () => Uint32Array.of(0),
      expand(state, visitor) {
        if (state[0] === 0) {
          visitor.visit(Uint32Array.of(1), "there");
          return;
        }
        visitor.visit(Uint32Array.of(0), "back");
        visitor.violation("went back");
      },
    };
    expect(search(model, { limit: 10 })).toEqual({
      states: 2,
      steps: 2,
      complete: false,
      violation: { message: "went back", trace: ["there", "back"] },
    });
  });
});
