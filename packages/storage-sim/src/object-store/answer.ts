/** What the store answers, before anything happens to it on its way. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** A piece of XML: a name, and text or children. */
export type XmlNode = readonly [name: string, content: string | readonly XmlNode[]];

/** An answer without a body. */
export function emptyAnswer(status: number, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, headers: status === 204 ? headers : { "content-length": "0", ...headers }, body: NO_BYTES };
}

/** An answer with a document in S3's namespace. */
export function xmlAnswer(status: number, [name, content]: XmlNode): Answer {
  const namespace = name === "Error" ? "" : ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"';
  const text = `<?xml version="1.0" encoding="UTF-8"?>\n<${name}${namespace}>${render(content)}</${name}>`;
  const body = new TextEncoder().encode(text);
  return { status, headers: { "content-type": "application/xml", "content-length": String(body.byteLength) }, body };
}

/** A failure, as S3 states one. */
export function failureAnswer(status: number, code: string, more: readonly XmlNode[] = []): Answer {
  return xmlAnswer(status, ["Error", [["Code", code], ["Message", "As the simulated store says."], ...more]]);
}

/** The answer to HEAD: the same head, and no body. */
export function withoutBody(answer: Answer): Answer {
  if (answer.status < 400) return { ...answer, body: NO_BYTES };
  return { status: answer.status, headers: { "content-length": "0" }, body: NO_BYTES };
}

const NO_BYTES = new Uint8Array(0);

function render(content: XmlNode[1]): string {
  if (typeof content === "string") return content.replace(/[&<>"']/g, (it) => `&#${it.charCodeAt(0)};`);
  return content.map(([name, inner]) => `<${name}>${render(inner)}</${name}>`).join("");
}
