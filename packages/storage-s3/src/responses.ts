import type { HttpResponse } from "@holdfast/storage/ports";
import { asTransient, badAnswer, RequestFailure } from "./errors.js";
import { childText, parseXml, type XmlElement } from "./xml.js";

/**
 * Reads a whole body.
 *
 * @throws RequestFailure `BadAnswer` if it has more than `maxBytes`, which are then not read. HttpPortError.
 */
export async function readBounded(response: HttpResponse, maxBytes: number): Promise<Uint8Array> {
  const stated = contentLength(response);
  if (stated !== undefined && stated > maxBytes) {
    response.discard();
    throw badAnswer(`an answer of ${stated} bytes, ${maxBytes} were expected at most`);
  }
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of response.body) {
    length += piece.byteLength;
    if (length > maxBytes) throw badAnswer(`an answer of more than ${maxBytes} bytes`);
    pieces.push(piece);
  }
  if (stated !== undefined && stated !== length) throw badAnswer(`an answer of ${length} bytes that states ${stated}`);
  const [only] = pieces;
  return pieces.length === 1 && only !== undefined ? only : joined(pieces, length);
}

/** Reads a body as XML. @throws RequestFailure `BadAnswer` if it is none, or its root is none of `roots`. */
export async function readXml(response: HttpResponse, ...roots: readonly string[]): Promise<XmlElement> {
  const bytes = await readBounded(response, MAX_XML_BYTES);
  let element: XmlElement;
  try {
    element = parseXml(bytes);
  } catch (cause) {
    throw badAnswer("an answer that is not the XML it should be", cause);
  }
  if (element.name === "Error") throw failureOf(response, childText(element, "Code"));
  if (!roots.includes(element.name)) throw badAnswer(`an answer that is no ${roots.join(" or ")}`);
  return element;
}

/** Reads the answer of a request that failed. Its message is not taken over: it may quote what must not be shown. */
export async function readFailure(response: HttpResponse): Promise<RequestFailure> {
  let bytes: Uint8Array;
  try {
    bytes = await readBounded(response, MAX_ERROR_BYTES);
  } catch (cause) {
    response.discard();
    // The status alone does not tell an object that is not there from a bucket that is not there: another attempt may.
    return asTransient(failureOf(response, undefined), cause);
  }
  return failureOf(response, codeIn(bytes));
}

/** What a header states as the length of the body, if it does. @throws RequestFailure `BadAnswer` if it is no length. */
export function contentLength(response: HttpResponse): number | undefined {
  const text = response.headers["content-length"];
  if (text === undefined) return undefined;
  if (!/^\d{1,16}$/.test(text)) throw badAnswer("an answer whose length is no number");
  return Number(text);
}

/** The time in a header, in Unix milliseconds. */
export function headerTime(response: HttpResponse, name: string): number | undefined {
  const time = Date.parse(response.headers[name] ?? "");
  return Number.isFinite(time) ? time : undefined;
}

/** The code in the body of a failure, where there is one: a proxy answers what it likes, and HEAD has no body. */
function codeIn(bytes: Uint8Array): string | undefined {
  try {
    return childText(parseXml(bytes), "Code");
  } catch {
    // The status says enough.
    return undefined;
  }
}

const MAX_ERROR_BYTES = 64 * 1024;
/** A list of 1,000 keys of 1,024 bytes, URL-encoded at worst, stays below. */
const MAX_XML_BYTES = 8 * 1024 * 1024;

function failureOf(response: HttpResponse, said: string | undefined): RequestFailure {
  const { status, headers } = response;
  const code = said !== undefined && /^[A-Za-z0-9_.-]{1,80}$/.test(said) ? said : (CODES_OF_STATUS.get(status) ?? "Unexplained");
  const requestId = headers["x-amz-request-id"];
  const shown = requestId !== undefined && /^[A-Za-z0-9+/=_.:-]{1,128}$/.test(requestId) ? requestId : undefined;
  const seconds = /^\d{1,5}$/.test(headers["retry-after"] ?? "") ? Number(headers["retry-after"]) : undefined;
  return new RequestFailure(messageOf(response, code, shown), {
    code,
    status,
    ...verdict(status, code),
    retryAfterMs: seconds === undefined ? undefined : seconds * 1000,
    requestId: shown,
  });
}

function messageOf({ status, headers }: HttpResponse, code: string, requestId: string | undefined): string {
  const region = headers["x-amz-bucket-region"] ?? "";
  const where = /^[a-z0-9-]{1,40}$/.test(region) ? ` (the bucket is in ${region})` : "";
  const redirect = status >= 300 && status < 400 ? `; it points to another address, which is not followed: correct endpoint and region${where}` : "";
  const id = requestId === undefined ? "" : `, request ${requestId}`;
  return `the store answered ${status} ${code}${id}${redirect}`;
}

/** Whether the store acted, and whether another attempt may go better. By the code first: a 200 may carry an error too. */
function verdict(status: number, code: string): Pick<RequestFailure, "outcome" | "transient"> {
  if (REFUSED_FOR_NOW.has(code)) return { outcome: "not_applied", transient: true };
  if (status === 429) return { outcome: "not_applied", transient: true };
  if (status >= 500 && status !== 501 && status !== 507) return { outcome: "unknown", transient: true };
  if (status >= 200 && status < 300 && !REFUSED.has(code)) return { outcome: "unknown", transient: true };
  return { outcome: "not_applied", transient: false };
}

/** The store says by these that it did nothing, and that trying again is right. */
const REFUSED_FOR_NOW: ReadonlySet<string> = new Set([
  "SlowDown",
  "SlowDownRead",
  "SlowDownWrite",
  "TooManyRequests",
  "RequestTimeout",
  "ConditionalRequestConflict",
  "OperationAborted",
  // What arrived is not what was sent.
  "BadDigest",
  "IncompleteBody",
  "XAmzContentSHA256Mismatch",
  "XAmzContentChecksumMismatch",
]);
/** Codes that say the same under a status of 200, where an answer was begun before its outcome was known. */
const REFUSED: ReadonlySet<string> = new Set(["PreconditionFailed", "NoSuchUpload", "InvalidPart", "InvalidPartOrder", "EntityTooSmall", "AccessDenied"]);
/** For answers without a body, those to HEAD above all. */
const CODES_OF_STATUS: ReadonlyMap<number, string> = new Map([
  [403, "AccessDenied"],
  [404, "NotFound"],
  [412, "PreconditionFailed"],
  [416, "InvalidRange"],
  [503, "ServiceUnavailable"],
]);

function joined(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return whole;
}
