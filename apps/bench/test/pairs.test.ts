import { describe, expect, it } from "vitest";

import { differences, inRounds, ratios, type Contestant } from "../src/pairs.js";

describe("inRounds", () => {
  const contestant = (name: string, figure: (run: number) => number): Contestant => {
    let run = 0;
    return { name, run: () => Promise.resolve(figure(run++)) };
  };
  const options = { rounds: 3, outOfTime: () => false, onRun: () => undefined };

  it("runs everybody once a round, turns the order, and throws the warm-up away", async () => {
    const order: string[] = [];
    const figures = await inRounds([contestant("a", (run) => run), contestant("b", (run) => run * 10)], {
      ...options,
      onRun: (round, name) => void order.push(`${round}${name}`),
    });
    expect(order).toEqual(["0a", "0b", "1b", "1a", "2a", "2b", "3b", "3a"]);
    expect(Object.fromEntries(figures)).toEqual({ a: [1, 2, 3], b: [10, 20, 30] });
  });

  it("ends early when time is up, with whole rounds, and never without one", async () => {
    const figures = await inRounds([contestant("a", () => 1), contestant("b", () => 2)], { ...options, outOfTime: () => true });
    expect(Object.fromEntries(figures)).toEqual({ a: [1], b: [2] });
  });

  it("refuses two of the same name, whose figures would mix", async () => {
    await expect(inRounds([contestant("a", () => 1), contestant("a", () => 2)], options)).rejects.toThrow("same name");
  });
});

describe("ratios and differences", () => {
  it("compare round by round, so that a round that was slow for both changes nothing", () => {
    const ours = [100, 1000, 110];
    const theirs = [50, 500, 55];
    expect(ratios(ours, theirs)).toEqual({ median: 2, min: 2, max: 2 });
    expect(differences(ours, theirs)).toEqual({ median: 55, min: 50, max: 500 });
  });

  it("refuse sides of different length", () => {
    expect(() => ratios([1, 2], [1])).toThrow("as many");
  });
});
