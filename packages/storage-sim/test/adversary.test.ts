import { describe, expect, test } from "vitest";
import { exhaust, formatChoices, mildAdversary, parseChoices, recordedAdversary, recording, sample, seededAdversary, seededRandom, type Adversary } from "../src/index.js";

const draw = (adversary: Adversary, counts: readonly number[]): readonly number[] => counts.map((count) => adversary.choose("x", count));

describe("seeded", () => {
  // The expected numbers here and at the end come from a second sfc32, written in another language.
  test("chooses the same everywhere and always", () => {
    const counts = Array.from({ length: 16 }, (_, index) => 2 + index);
    expect(draw(seededAdversary(1, { temper: "even" }), counts)).toEqual([0, 2, 0, 2, 2, 0, 1, 5, 6, 0, 2, 4, 9, 13, 4, 10]);
    expect(draw(seededAdversary(-9_007_199_254_740_991), counts)).toEqual(draw(seededAdversary(-9_007_199_254_740_991), counts));
    expect(draw(seededAdversary(2 ** 40, { temper: "even" }), counts)).not.toEqual(draw(seededAdversary(0, { temper: "even" }), counts));
  });

  test("chooses within bounds, and everything", () => {
    for (const count of [1, 2, 3, 7, 100]) {
      const seen = new Set(draw(seededAdversary(4, { temper: "even" }), Array.from({ length: 4000 }, () => count)));
      expect([...seen].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, index) => index));
    }
  });

  test("has tempers: even, mild and the opposite, as the seed decides", () => {
    const shares = Array.from({ length: 64 }, (_, seed) => {
      const made = draw(seededAdversary(seed), Array.from({ length: 400 }, () => 4));
      return [made.filter((it) => it === 0).length > 300, made.filter((it) => it === 3).length > 300];
    });
    const [mild, harsh] = [shares.filter(([it]) => it).length, shares.filter(([, it]) => it).length];
    expect(mild).toBeGreaterThan(5);
    expect(harsh).toBeGreaterThan(5);
    expect(mild + harsh).toBeLessThan(60);
  });

  test("refuses what is no seed", () => {
    for (const seed of [0.5, Infinity, 2 ** 53]) expect(() => seededAdversary(seed)).toThrow(RangeError);
  });
});

describe("recorded", () => {
  test("repeats what was chosen, within bounds, and is mild behind the end", () => {
    const first = recording(seededAdversary(3));
    const counts = [5, 2, 9, 1, 4];
    const made = draw(first, counts);
    expect(first.made).toEqual(counts.map((count, index) => ({ label: "x", count, chosen: made[index] })));
    expect(draw(recordedAdversary(made), [...counts, 7])).toEqual([...made, 0]);
    expect(draw(recordedAdversary([4, 4]), [2, 9])).toEqual([1, 4]);
    expect(draw(mildAdversary, counts)).toEqual([0, 0, 0, 0, 0]);
  });

  test("choices are one word", () => {
    expect(formatChoices([])).toBe("-");
    expect(formatChoices([0, 0])).toBe("-");
    expect(formatChoices([0, 2, 1, 1, 1, 0, 0])).toBe("0.2.1x3");
    expect(parseChoices("0.2.1x3")).toEqual([0, 2, 1, 1, 1]);
    expect(parseChoices("-")).toEqual([]);
    for (const word of ["", "1.", "1x0", "x3", "-1", "1,2", "1x99999999"]) expect(() => parseChoices(word), word).toThrow(RangeError);
  });
});

describe("exhaustive", () => {
  test("runs every sequence once, the mildest first", async () => {
    const runs: string[] = [];
    const result = await exhaust(async (adversary) => {
      const first = adversary.choose("first", 3);
      await Promise.resolve();
      // How many choices there are depends on those before.
      runs.push([first, ...Array.from({ length: first }, () => adversary.choose("more", 2))].join(""));
    }, { limit: 100 });
    expect(runs).toEqual(["0", "10", "11", "200", "201", "210", "211"]);
    expect(result).toEqual({ runs: 7, complete: true });
  });

  test("stops at its limit and says so", async () => {
    let runs = 0;
    const run = (adversary: Adversary): void => {
      runs += 1;
      draw(adversary, [2, 2]);
    };
    expect(await exhaust(run, { limit: 3 })).toEqual({ runs: 3, complete: false });
    expect(await exhaust(run, { limit: 4 })).toEqual({ runs: 4, complete: true });
    expect(runs).toBe(7);
  });

  test("tries a few of many branches, the first and the last among them", async () => {
    const seen: number[] = [];
    await exhaust((adversary) => {
      seen.push(adversary.choose("size", 101), adversary.choose("small", 1));
    }, { limit: 100, branches: 5 });
    expect(seen.filter((_, index) => index % 2 === 0)).toEqual([0, 25, 50, 75, 100]);
  });

  test("refuses what is not deterministic", async () => {
    let run = 0;
    const changing = (choices: (run: number) => readonly number[]) => (adversary: Adversary) => {
      run += 1;
      draw(adversary, choices(run));
    };
    await expect(exhaust(changing((it) => [it + 1]), { limit: 9 })).rejects.toThrow("not deterministic");
    run = 0;
    await expect(exhaust(changing((it) => (it === 1 ? [2, 2] : [])), { limit: 9 })).rejects.toThrow("not deterministic");
  });
});

test("seeded random bytes are the same everywhere, and go on", () => {
  const random = seededRandom(7);
  expect(Buffer.from(random.bytes(10)).toString("hex")).toBe("10d8fe05bf6edaa9b4ce");
  expect(random.bytes(10)).not.toEqual(seededRandom(7).bytes(10));
  expect(seededRandom(8).bytes(10)).not.toEqual(seededRandom(7).bytes(10));
  expect(random.bytes(0)).toEqual(new Uint8Array(0));
  expect(new Set(random.bytes(5000)).size).toBe(256);
});

describe("the seeded driver", () => {
  test("runs one seed after the other, each as its adversary alone would", async () => {
    const runs: (readonly number[])[] = [];
    await sample((adversary) => {
      runs.push(draw(adversary, [9, 9, 9]));
    }, { runs: 3, seed: 40 });
    expect(runs).toEqual([40, 41, 42].map((seed) => draw(seededAdversary(seed), [9, 9, 9])));
  });

  test("refuses what is no seed", async () => {
    await expect(sample(() => undefined, { runs: 1, seed: 0.5 })).rejects.toThrow(RangeError);
  });
});

test("a run that throws anything is a failed run with its choices", async () => {
  const thrown = await sample(
    (adversary) => {
      draw(adversary, [1, 1]);
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- What other people's code throws need not be an error.
      throw "no error";
    },
    { runs: 1 },
  ).catch((error: unknown) => error);
  expect(thrown).toMatchObject({ name: "FailedRunError", message: "choices -: no error", choices: [0, 0], cause: "no error" });
});
