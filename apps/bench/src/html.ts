import { formatFigure, formatRatio } from "./figures.js";
import { closingLine, environmentLines, missingLines, shortLines, targetsLine, type BenchReport } from "./report.js";
import { isMeasured, type Better, type Row } from "./row.js";

/**
 * The report as one page that needs nothing from elsewhere. The charts are table cells with a bar of a certain width: a chart library
 * that draws on the server would be the largest dependency of the repository, for rectangles.
 */
export function htmlReport(report: BenchReport): string {
  const rows = report.rows.filter(isMeasured);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Holdfast bench, ${escape(report.environment.date)}</title>
<style>${STYLE}</style>
<h1>Holdfast bench</h1>
<p class="closing">${escape(closingLine(report))}</p>
<p>${environmentLines(report.environment).map(escape).join("<br>")}</p>
<p>${escape(targetsLine(report.rows))}. Size ${report.size}, seed ${report.seed}, ${report.runs} rounds. A line in a bar is the target, the dotted line 1 ×.</p>
${chart("More is better: how many times as much as the other", "more", rows)}
${chart("Less is better: how many times as long as the other", "less", rows)}
${boundTable(rows)}
${list([...shortLines(report), ...missingLines(report.rows), ...report.notRun.map((work) => `Not in this run: ${work}`)])}
<h2>Settings</h2>
${list(Object.entries(report.settings).map(([name, setting]) => `${name}: ${setting}`))}
</html>
`;
}

/** Makes text safe as content and as a quoted attribute. */
export function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

const STYLE = `
:root { color-scheme: light dark; --bar: #4a7ab5; --miss: #c0582f; --line: #8888; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2 { line-height: 1.2; } .closing { font-weight: 600; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .25rem .6rem; vertical-align: middle; border-bottom: 1px solid var(--line); }
td.number { white-space: nowrap; font-variant-numeric: tabular-nums; } td.chart { width: 38%; } .note { opacity: .75; font-size: .87em; }
.track { position: relative; height: 1.1rem; } .bar { height: 100%; background: var(--bar); } .missed .bar { background: var(--miss); }
.mark { position: absolute; top: -.15rem; bottom: -.15rem; border-left: 2px solid CanvasText; } .one { border-left: 1px dotted CanvasText; }
`;

function chart(title: string, better: Better, rows: readonly Row[]): string {
  const charted = rows.flatMap((row) => (row.ratio?.better === better ? [{ row, ratio: row.ratio.median, goal: goalOf(row) }] : []));
  if (charted.length === 0) return "";
  const scale = Math.max(1, ...charted.map(({ ratio, goal }) => Math.max(ratio, goal ?? 0))) * 1.05;
  const percent = (ratio: number): string => ((ratio / scale) * 100).toFixed(2);
  const body = charted.map(({ row, ratio, goal }) => {
    const mark = goal === undefined ? "" : `<div class="mark" style="left:${percent(goal)}%"></div>`;
    const bar = `<div class="bar" style="width:${percent(ratio)}%"></div><div class="mark one" style="left:${percent(1)}%"></div>${mark}`;
    return `<tr class="${row.target?.met === false ? "missed" : ""}"><td>${workCell(row)}<td>${escape(row.against?.name ?? "")}<td class="number">${escape(figures(row))}
<td class="chart"><div class="track">${bar}</div><td class="number">${escape(formatRatio(row.ratio))}<td>${escape(targetText(row))}`;
  });
  return `<h2>${escape(title)}</h2>
<table><tr><th>work<th>against<th>ours / theirs<th>ratio<th><th>target
${body.join("\n")}
</table>`;
}

/** Rows with a bound of their own and nobody to compare with. */
function boundTable(rows: readonly Row[]): string {
  const bounded = rows.filter(({ ratio }) => ratio === undefined);
  if (bounded.length === 0) return "";
  const body = bounded.map((row) => `<tr><td>${workCell(row)}<td class="number">${escape(formatFigure(row.ours))}<td>${escape(targetText(row))}`);
  return `<h2>Bounds</h2><table><tr><th>work<th>measured<th>target\n${body.join("\n")}\n</table>`;
}

function workCell({ work, note }: Row): string {
  return note === undefined ? escape(work) : `${escape(work)}<div class="note">${escape(note)}</div>`;
}

function figures({ ours, against }: Row): string {
  return against === undefined ? formatFigure(ours) : `${formatFigure(ours)} / ${formatFigure(against.figure)}`;
}

function targetText({ target }: Row): string {
  return target === undefined ? "" : `${target.text}: ${target.met ? "met" : "MISSED"}`;
}

/** The ratio a target names, for its line in the chart. */
function goalOf({ target }: Row): number | undefined {
  const found = /([\d.]+) ×/.exec(target?.text ?? "");
  return found === null ? undefined : Number(found[1]);
}

function list(lines: readonly string[]): string {
  return lines.length === 0 ? "" : `<ul>${lines.map((line) => `<li>${escape(line)}`).join("")}</ul>`;
}
