import { describe, expect, it } from "vitest";
import { layers } from "../eslint.config.js";
import { filesBelow, packages, readText } from "./support/repository.js";

const table: Readonly<Record<string, readonly string[]>> = layers;

describe("the layers", () => {
  it("name every package and no other", () => {
    expect(Object.keys(table).sort()).toEqual(packages.map(({ short }) => short));
  });

  it("have no cycle: each package stands below those that import it", () => {
    const height = (short: string, path: readonly string[] = []): number => {
      expect(path, "cycle").not.toContain(short);
      return 1 + Math.max(0, ...(table[short] ?? []).map((below) => height(below, [...path, short])));
    };
    for (const short of Object.keys(table)) expect(height(short)).toBeGreaterThan(0);
  });

  it.each(packages)("are the dependencies of $manifest.name", ({ short, manifest }) => {
    const ours = Object.keys(manifest.dependencies ?? {}).filter((name) => name.startsWith("@holdfast/"));
    expect(ours.sort()).toEqual(allowed(short).sort());
  });

  it.each(packages)("are the imports in the source of $directory", ({ short, directory }) => {
    const found = filesBelow(`${directory}/src`, ".ts").flatMap((file) =>
      importsOf(file)
        .map((name) => /^@holdfast\/[^/]+/.exec(name)?.[0])
        .filter((name) => name !== undefined && !allowed(short).includes(name))
        .map((name) => `${file} imports ${String(name)}`),
    );
    expect(found).toEqual([]);
  });

  it("are the picture in ARCHITECTURE.md", () => {
    const drawn = new Map(drawnLayers().flatMap(({ level, names }) => names.map((name) => [name, level] as const)));
    expect([...drawn.keys()].sort()).toEqual(Object.keys(table).sort());
    const arrows = drawnLayers().flatMap(({ arrows }) => arrows);
    for (const [short, below] of Object.entries(table)) {
      for (const name of below) {
        // An arrow is for siblings.
        if (arrows.includes(`${short} → ${name}`)) expect(drawn.get(name), `the arrow from ${short} to ${name}`).toBe(drawn.get(short));
        else expect(drawn.get(name), `${short} imports ${name}, so ${name} is drawn below it`).toBeLessThan(drawn.get(short) ?? -1);
      }
    }
    expect(arrows.filter((arrow) => !Object.entries(table).some(([short, below]) => below.some((name) => arrow === `${short} → ${name}`)))).toEqual([]);
  });

  it("are the arrows in ARCHITECTURE.md", () => {
    const arrows = [...readText("ARCHITECTURE.md").matchAll(/^\| `([a-z0-9-]+)` \|(.*?)\|/gm)].map(([, short, below]) => [
      short,
      [...(below ?? "").matchAll(/`([a-z0-9-]+)`/g)].map(([, name]) => name).sort(),
    ]);
    expect(Object.fromEntries(arrows)).toEqual(Object.fromEntries(Object.entries(table).map(([short, below]) => [short, [...below].sort()])));
  });
});

describe("what is pure imports only what is pure", () => {
  const pure = packages.flatMap(({ short, directory }) =>
    filesBelow(`${directory}/src`, ".ts").filter((file) => short === "bytes" || file.includes("/src/format/")),
  );

  it("and there is such code", () => {
    expect(pure.length).toBeGreaterThan(5);
  });

  it.each(pure)("%s", (file) => {
    const folder = file.slice(0, file.lastIndexOf("/"));
    const outside = importsOf(file).filter((name) => {
      if (name === "@holdfast/bytes" || name === "@holdfast/bytes/json") return false;
      // All of bytes is pure, so that its folders may know each other.
      if (file.startsWith("packages/bytes/src/json/") && /^\.\.\/[a-z0-9-]+\.js$/.test(name)) return false;
      if (!name.startsWith("./")) return true;
      return folder.endsWith("/format") && name.slice(2).includes("/");
    });
    expect(outside).toEqual([]);
  });
});

function allowed(short: string): string[] {
  return (table[short] ?? []).map((name) => `@holdfast/${name}`);
}

/** What a file imports or exports from, statically or not. */
function importsOf(file: string): readonly string[] {
  const text = readText(file).replace(/^\s*(?:\/?\*|\/\/).*$/gm, "");
  return [...text.matchAll(/(?:\bfrom\s+|\bimport\s+|\bimport\(\s*)"([^"]+)"/g)].map(([, name]) => name ?? "");
}

/** The lines `L3  wal  snapshot → wal` of the picture: an arrow leads to a sibling that is imported; what is planned stands in parentheses. */
function drawnLayers(): readonly { readonly level: number; readonly names: readonly string[]; readonly arrows: readonly string[] }[] {
  return [...readText("ARCHITECTURE.md").matchAll(/^L(\d) (.*)$/gm)].map(([, level, line]) => ({
    level: Number(level),
    arrows: [...(line ?? "").matchAll(/\S+ → \S+/g)].map(([arrow]) => arrow),
    names: (line ?? "")
      .replaceAll(/\([^)]*\)| → \S+/g, "")
      .split(/\s+/)
      .filter((word) => word !== "" && !word.startsWith("apps/")),
  }));
}
