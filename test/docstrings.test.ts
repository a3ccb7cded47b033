import ts from "typescript";
import { expect, it } from "vitest";
import { apps, filesBelow, packages, readText } from "./support/repository.js";

const sources = [...packages, ...apps].flatMap(({ directory }) => filesBelow(`${directory}/src`, ".ts"));

it("every exported name has a comment that says what it is", () => {
  expect(sources.length).toBeGreaterThan(packages.length + apps.length);
  expect(sources.flatMap((file) => withoutComment(file, readText(file)))).toEqual([]);
}, 60_000);

it.each([
  ["a function", "export function f(): void {}"],
  ["an asynchronous function", "export async function f(): Promise<void> {}"],
  ["a class", "export class f {}"],
  ["an interface", "export interface f {}"],
  ["a type", "export type f = 1;"],
  ["a constant", "export const f = 1;"],
  ["a constant that shares the comment of the one before it", "/** Two. */\nexport const e = 1;\nexport const f = 2;"],
  ["a function with a comment that is none for tools", "// Says what it is.\nexport function f(): void {}"],
])("%s without one is found", (_, text) => {
  expect(withoutComment("x.ts", text)).toEqual([expect.stringMatching(/^x\.ts:\d+ f$/)]);
});

it.each([
  ["a name with one", "/** What it is. */\nexport const f = 1;"],
  ["what is not exported", "function f(): void {}"],
  ["a re-export", 'export { f } from "./f.js";\nexport * from "./g.js";'],
  ["further forms of a function", "/** What it is. */\nexport function f(a: 1): 1;\nexport function f(a: 2): 2;\nexport function f(a: 1 | 2): 1 | 2 {\n  return a;\n}"],
  ["the type of a constant's values, under its name", "/** What it is. */\nexport const f = { a: 1 } as const;\nexport type f = (typeof f)[keyof typeof f];"],
])("%s is not", (_, text) => {
  expect(withoutComment("x.ts", text)).toEqual([]);
});

/** Exported names of a file of which no declaration has a comment: `file:line name`. */
function withoutComment(file: string, text: string): readonly string[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const names = source.statements.filter(isExported).flatMap((statement) =>
    namesOf(statement).map((name) => ({ name, hasComment: ts.getJSDocCommentsAndTags(statement).length > 0, line: source.getLineAndCharacterOfPosition(statement.getStart()).line + 1 })),
  );
  const explained = new Set(names.filter(({ hasComment }) => hasComment).map(({ name }) => name));
  const missing = names.filter(({ name }, index) => !explained.has(name) && names.findIndex((it) => it.name === name) === index);
  return missing.map(({ name, line }) => `${file}:${line} ${name}`);
}

function isExported(statement: ts.Statement): boolean {
  return ts.canHaveModifiers(statement) && ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true;
}

function namesOf(statement: ts.Statement): readonly string[] {
  if (ts.isVariableStatement(statement)) return statement.declarationList.declarations.map(({ name }) => name.getText());
  const isNamed = ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement) || ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement);
  return isNamed && statement.name !== undefined ? [statement.name.text] : [];
}
