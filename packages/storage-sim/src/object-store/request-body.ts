import { SaxesParser } from "saxes";

/** An element of the body of a request: its text, and that of its children by name. */
export interface RequestItem {
  readonly fields: ReadonlyMap<string, string>;
}

/**
 * The children of the root that have a name, each with the texts of its own children: all that S3's requests hold.
 *
 * @returns `undefined` for what is no XML, or has another root.
 */
export function readItems(body: Uint8Array, root: string, item: string): readonly RequestItem[] | undefined {
  const items: RequestItem[] = [];
  const path: string[] = [];
  let fields = new Map<string, string>();
  let text = "";
  let rootName: string | undefined;
  const parser = new SaxesParser();
  parser.on("error", (error) => {
    throw error;
  });
  parser.on("opentag", ({ name }) => {
    path.push(name);
    text = "";
    rootName ??= name;
    if (path.length === 2) fields = new Map();
  });
  parser.on("text", (piece) => {
    text += piece;
  });
  parser.on("closetag", ({ name }) => {
    if (path.length === 3) fields.set(name, text);
    if (path.length === 2 && name === item) items.push({ fields });
    path.pop();
  });
  try {
    parser.write(new TextDecoder("utf-8", { fatal: true }).decode(body)).close();
  } catch {
    // Whatever is wrong, the store answers MalformedXML.
    return undefined;
  }
  return rootName === root ? items : undefined;
}
