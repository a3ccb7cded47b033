import type { Figure, Row } from "./row.js";

/** A figure for people: three digits that mean something, and the unit. */
export function formatFigure({ value, unit }: Figure): string {
  if (unit === "records/s") {
    if (value >= 1e6) return `${digits(value / 1e6)} M/s`;
    return value >= 1e3 ? `${digits(value / 1e3)} k/s` : `${digits(value)} /s`;
  }
  if (unit === "requests") return Math.round(value).toLocaleString("en");
  if (unit === "µs" && value >= 10_000) return `${digits(value / 1000)} ms`;
  return `${digits(value)} ${unit}`;
}

/** The ratio with the range of its rounds; the arrow says which way is good. */
export function formatRatio(ratio: Row["ratio"]): string {
  if (ratio === undefined) return "";
  const range = ratio.min === ratio.max ? "" : ` (${digits(ratio.min)}–${digits(ratio.max)})`;
  return `${digits(ratio.median)} ×${range} ${ratio.better === "more" ? "↑" : "↓"}`;
}

function digits(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
}
