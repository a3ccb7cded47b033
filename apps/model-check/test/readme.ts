import { readFileSync } from "node:fs";

/** What README.md says that a search found. */
export interface ReadmeRow {
  readonly name: string;
  readonly states: number;
  readonly steps: number;
}

/** The rows of all tables of results under the heading `section` (a `##` of README.md), in their order. */
export function rowsOfReadme(section: string): ReadmeRow[] {
  const text = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const found = text.split(/^## /m).find((part) => part.startsWith(`${section}\n`));
  if (found === undefined) throw new Error(`README.md has no section "${section}".`);
  return found
    .split("\n")
    .filter((line) => /^\| .* [\d,]+ \| [\d,]+ \| [^|]+ \|$/.test(line))
    .map((line) => line.split("|").map((cell) => cell.trim()))
    .map((cells) => ({ name: cells[1] ?? "", states: numberOf(cells.at(-4)), steps: numberOf(cells.at(-3)) }));
}

/** Of `1,234`; NaN where there is none, which equals no result. */
function numberOf(cell: string | undefined): number {
  return Number(cell?.replaceAll(",", "") ?? Number.NaN);
}
