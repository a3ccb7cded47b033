import { describe, expect, it } from "vitest";

import { CRC32C, crc32cSetting } from "../src/crc32c.js";
import { formatFigure, formatRatio } from "../src/figures.js";
import { escape, htmlReport } from "../src/html.js";
import { closingLine, failures, tableText, targetsLine, type BenchReport } from "../src/report.js";
import type { Row, RowResult } from "../src/row.js";

const rate = (value: number): Row["ours"] => ({ value, unit: "records/s" });

const met: Row = {
  id: "append-64",
  work: "64 appenders",
  ours: rate(300_000),
  against: { name: "lmdb", figure: rate(120_000) },
  ratio: { median: 2.5, min: 2.2, max: 2.7, better: "more" },
  target: { text: "≥ 2 ×", met: true },
};
const missed: Row = {
  id: "append-1",
  work: "1 appender, p50",
  ours: { value: 250, unit: "µs" },
  against: { name: "async write floor", figure: { value: 180, unit: "µs" } },
  ratio: { median: 1.39, min: 1.3, max: 1.5, better: "less" },
  target: { text: "≤ 1.2 × or + 25 µs", met: false },
  note: "+70 µs",
};
const information: Row = { id: "append-64", work: "64 appenders", ours: rate(300_000), against: { name: "classic-level", figure: rate(9000) } };
const bound: Row = { id: "replay-memory", work: "memory", ours: { value: 31.25, unit: "MiB" }, target: { text: "≤ 64 MiB", met: true } };
const absent: RowResult = { id: "append-64", work: "64 appenders against node:sqlite", missing: "not on this Node", failed: false };
const broken: RowResult = { id: "verify", work: "verify of 1 GiB", missing: "Error: it broke", failed: true };

const proof: NonNullable<BenchReport["proof"]> = {
  proven: true,
  kills: 7,
  killsWhileOpening: 1,
  acknowledged: 41_203,
  found: 41_240,
  complete: 60_000,
  openings: { total: 7, withTornTail: 3, withCopies: 5, copiedRecords: 300 },
  findings: [],
  findingCount: 0,
  seconds: 3,
  dataset: "flights",
  datasetRecords: 20_000,
};

const report = (rows: readonly RowResult[], change: Partial<BenchReport> = {}): BenchReport => ({
  format: "holdfast-bench/1",
  size: "quick",
  seed: 1,
  runs: 5,
  seconds: 60,
  environment: {
    date: "2026-01-01T00:00:00.000Z",
    cpu: "A <fast> CPU",
    cores: 2,
    load: 0.1,
    memoryGiB: 8,
    kernel: "Linux 6",
    architecture: "x64",
    fileSystem: "ext4",
    freeGiB: 10,
    node: "v20.19.0",
    peers: { lmdb: "3.5.6" },
  },
  settings: { log: "defaults", lmdb: "overlappingSync: false", "async write floor": "O_DSYNC" },
  proof,
  rows,
  notRun: ["open after SIGKILL (--size full)"],
  ...change,
});

describe("the table", () => {
  it("shows ours, theirs, the ratio with its range, the target, and whether it was met", () => {
    const text = tableText(report([met]));
    for (const part of ["64 appenders", "300 k/s", "lmdb", "120 k/s", "2.50 × (2.20–2.70) ↑", "≥ 2 ×", "yes"]) expect(text).toContain(part);
  });

  it("never hides a missed target", () => {
    const text = tableText(report([missed]));
    expect(text).toMatch(/1\.39 × .*≤ 1\.2 × or \+ 25 µs.*NO/);
    expect(text).toContain("+70 µs");
    expect(targetsLine([met, missed, information, bound])).toBe("2 of 3 targets met");
  });

  it("fits a terminal of 130 columns, and keeps the notes of its rows below it", () => {
    const long: Row = {
      id: "commit-tail",
      work: "2 GiB in commits of 64 records, p99.9 of a commit",
      ours: { value: 11_160, unit: "synced writes" },
      against: { name: "copy and sync of the same log", figure: { value: 9999, unit: "µs" } },
      ratio: { median: 4.03, min: 2.09, max: 14.5, better: "less" },
      target: { text: "≤ 1.5 × of the smallest", met: true },
      note: "128688 commits of 16688 bytes, 32 rotations; p50 181 against 148 µs; and much more that a reader should know about this row",
    };
    const lines = tableText(report([met, missed, long])).split("\n");
    const table = lines.slice(0, lines.findIndex((line) => line.startsWith("ratio:")));
    expect(new Set(table.map((line) => line.length))).toEqual(new Set([130]));
    expect(table.join("\n")).not.toContain("…");
    for (const word of `${long.work} ${long.against!.name} ${long.target!.text} synced writes`.split(" ")) expect(table.join("\n")).toContain(word);
    expect(lines).toContain(`${long.work} against copy and sync of the same log: ${long.note}`);
  });

  it("says when time was up before all rounds were run", () => {
    expect(tableText(report([{ ...met, rounds: { ours: [1, 2], theirs: [3, 4] } }]))).toContain("because time was up: 64 appenders (2 of 5)\n");
    expect(tableText(report([{ ...met, rounds: { ours: [1, 2, 3, 4, 5] } }]))).not.toContain("time was up");
  });

  it("says what was not measured, what failed, and what the size left out", () => {
    const text = tableText(report([absent, broken]));
    expect(text).toContain("not measured (not on this Node): 64 appenders against node:sqlite");
    expect(text).toContain("FAILED (Error: it broke): verify of 1 GiB");
    expect(text).toContain("not in this run: open after SIGKILL (--size full)");
  });

  it("names the settings of everybody in it", () => {
    expect(tableText(report([met]))).toContain("lmdb: overlappingSync: false");
    expect(tableText(report([missed]))).not.toContain("lmdb: ");
  });

  it("names the CRC-32C that was handed in, whoever is in it", () => {
    const settings = { log: "defaults", [CRC32C]: crc32cSetting("theirs/checksums") };
    expect(tableText(report([information], { settings }))).toContain("\ncrc32c: by theirs/checksums from 208 bytes on");
    expect(htmlReport(report([information], { settings }))).toContain("crc32c: by theirs/checksums from 208 bytes on");
  });
});

describe("the closing line", () => {
  it("says what was proven and that it was no power cut", () => {
    const line = closingLine({ proof });
    expect(line).toContain("41,203 acknowledged records of flights survived 7 SIGKILLs");
    expect(line).toContain("a process kill, not a power cut");
  });

  it("says what was found instead", () => {
    const findings = [{ kind: "lost", seq: 7, detail: "7 was acknowledged" }] as const;
    const line = closingLine({ proof: { ...proof, proven: false, findings, findingCount: 1 } });
    expect(line).toBe("NOT PROVEN: 1 findings after 7 SIGKILLs: lost at 7 (7 was acknowledged).");
  });

  it("claims nothing when the proof was left out", () => {
    expect(closingLine({ proof: undefined })).toContain("Nothing was proven");
  });
});

describe("failures", () => {
  it("are a proof that failed and rows that broke, and not a missed target", () => {
    expect(failures(report([missed, absent]))).toEqual([]);
    expect(failures(report([broken]))).toEqual(["verify of 1 GiB"]);
    expect(failures(report([], { proof: { ...proof, proven: false } }))).toEqual(["the proof"]);
  });
});

describe("figures", () => {
  it.each([
    [rate(1_620_000), "1.62 M/s"],
    [rate(312_345), "312 k/s"],
    [rate(999), "999 /s"],
    [{ value: 182.4, unit: "µs" }, "182 µs"],
    [{ value: 12_500, unit: "µs" }, "12.5 ms"],
    [{ value: 31.25, unit: "MiB" }, "31.3 MiB"],
  ] as const)("writes %j as %s", (figure, text) => {
    expect(formatFigure(figure)).toBe(text);
  });

  it("leaves out a range that is none", () => {
    expect(formatRatio({ median: 2, min: 2, max: 2, better: "less" })).toBe("2.00 × ↓");
    expect(formatRatio(undefined)).toBe("");
  });
});

describe("the HTML page", () => {
  it("holds every row, marks a missed one, and needs nothing from elsewhere", () => {
    const page = htmlReport(report([met, missed, information, bound, absent]));
    for (const part of ["64 appenders", "1 appender, p50", "not on this Node", "31.3 MiB", "MISSED"]) expect(page).toContain(part);
    expect(page.match(/class="missed"/g)).toHaveLength(1);
    expect(page).not.toMatch(/<script|<link|src=|https?:/);
  });

  it("draws bars in proportion, and a line at the target", () => {
    const page = htmlReport(report([met, { ...met, ratio: { median: 5, min: 5, max: 5, better: "more" } }]));
    const widths = [...page.matchAll(/class="bar" style="width:([\d.]+)%/g)].map(([, width]) => Number(width));
    expect(widths[1]! / widths[0]!).toBeCloseTo(2, 2);
    expect(Number(/class="mark" style="left:([\d.]+)%/.exec(page)?.[1])).toBeCloseTo((widths[0]! * 2) / 2.5, 1);
  });

  it("shows text as text", () => {
    expect(htmlReport(report([]))).toContain("A &#60;fast&#62; CPU");
    expect(escape(`<a href="x" b='y'>&`)).toBe("&#60;a href=&#34;x&#34; b=&#39;y&#39;&#62;&#38;");
  });
});
