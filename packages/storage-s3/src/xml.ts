import { decodeUtf8 } from "@holdfast/bytes";
import { SaxesParser } from "saxes";

/** An element of a parsed document. */
export interface XmlElement {
  /** Without a namespace prefix. */
  readonly name: string;
  /** The text directly inside. */
  readonly text: string;
  readonly children: readonly XmlElement[];
}

/**
 * Parses a document that a store answered, strictly: one that was cut off, or is not well-formed, is refused whole. Attributes
 * are ignored. There is no document type, so there are no entities but the five of XML itself.
 *
 * @param bytes - Bounded by who read them.
 * @returns The root element.
 * @throws Error that says what is wrong.
 */
export function parseXml(bytes: Uint8Array): XmlElement {
  const document: OpenElement = { name: "", text: "", children: [] };
  const open = [document];
  const parser = new SaxesParser();
  const addText = (text: string): void => {
    const inner = open.at(-1);
    if (inner !== undefined) inner.text += text;
  };
  parser.on("error", (error) => {
    throw error;
  });
  parser.on("doctype", () => {
    throw new Error("a document type is not allowed");
  });
  parser.on("opentag", (tag) => {
    if (open.length > MAX_DEPTH) throw new Error("elements are nested too deep");
    const element: OpenElement = { name: tag.name.slice(tag.name.indexOf(":") + 1), text: "", children: [] };
    open.at(-1)?.children.push(element);
    open.push(element);
  });
  parser.on("text", addText);
  parser.on("cdata", addText);
  parser.on("closetag", () => {
    open.pop();
  });
  parser.write(decodeUtf8(bytes)).close();
  const [root] = document.children;
  if (root === undefined) throw new Error("there is no element");
  return root;
}

/** The text of the first child of that name, or `undefined`. */
export function childText(element: XmlElement, name: string): string | undefined {
  return element.children.find((child) => child.name === name)?.text;
}

/** The children of that name, in their order. */
export function childrenOf(element: XmlElement, name: string): readonly XmlElement[] {
  return element.children.filter((child) => child.name === name);
}

/** `text` as the content of an element. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

const MAX_DEPTH = 16;

interface OpenElement {
  readonly name: string;
  text: string;
  readonly children: OpenElement[];
}
