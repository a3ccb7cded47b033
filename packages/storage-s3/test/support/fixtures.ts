import { storageKey, StorageError, type StorageKey } from "@holdfast/storage";
import { HttpPortError, type HttpPort, type HttpRequest, type HttpResponse } from "@holdfast/storage/ports";
import { expect } from "vitest";

export const key = (text = "dir/object.bin"): StorageKey => storageKey(text);

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

export const text = (value: Uint8Array | undefined): string | undefined => (value === undefined ? undefined : Buffer.from(value).toString());

/** Checks that it is a StorageError, and gives it its type. */
export function storageErrorOf(error: unknown): StorageError {
  expect(error).toBeInstanceOf(StorageError);
  return error as StorageError;
}

/** What a test says to a request: a status, a body and headers, or an error. */
export type Reply = { readonly status: number; readonly body?: string | AsyncIterable<Uint8Array>; readonly headers?: Readonly<Record<string, string>> } | HttpPortError;

/** A port whose answers a test writes down; keeps what was sent. */
export function scriptedPort(reply: (request: HttpRequest, index: number) => Reply): HttpPort & { readonly sent: HttpRequest[] } {
  const sent: HttpRequest[] = [];
  return {
    name: "scripted",
    sent,
    async request(request) {
      sent.push(request);
      const answer = reply(request, sent.length - 1);
      if (answer instanceof HttpPortError) throw answer;
      return toResponse(answer);
    },
    close: () => Promise.resolve(),
  };
}

function toResponse({ status, body = "", headers = {} }: Exclude<Reply, HttpPortError>): HttpResponse {
  const pieces = typeof body === "string" ? only(body) : body;
  const length = typeof body === "string" ? { "content-length": String(Buffer.byteLength(body)) } : {};
  return { status, headers: { ...length, ...headers }, body: pieces, discard: () => undefined };
}

async function* only(body: string): AsyncGenerator<Uint8Array, void, undefined> {
  if (body !== "") yield bytes(body);
}
