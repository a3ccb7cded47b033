import type { HttpPort, HttpRequest } from "@holdfast/storage/ports";

/** Requests by what stores charge for, and the bytes of their bodies. */
export interface RequestCounts {
  /** PUT, and POST of uploads in parts. */
  readonly puts: number;
  readonly lists: number;
  /** GET and HEAD. */
  readonly gets: number;
  readonly deletes: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/** A port that counts what goes through it. */
export interface CountingPort extends HttpPort {
  /** Counts since the last call. */
  taken(): RequestCounts;
}

/** Counts every attempt, also those that fail. The bytes are those of the bodies, without heads. */
export function countingPort(port: HttpPort): CountingPort {
  let counts = { ...NONE };
  return {
    name: port.name,
    request: async (request) => {
      counts[kindOf(request)] += 1;
      counts.sentBytes += request.body?.byteLength ?? 0;
      const response = await port.request(request);
      if (request.method !== "HEAD") counts.receivedBytes += Number(response.headers["content-length"] ?? 0);
      return response;
    },
    close: () => port.close(),
    taken: () => {
      const taken = counts;
      counts = { ...NONE };
      return taken;
    },
  };
}

/** All requests together. */
export function allRequests({ puts, lists, gets, deletes }: RequestCounts): number {
  return puts + lists + gets + deletes;
}

/** Prices of a store, in dollars for a thousand requests. */
export interface Prices {
  /** PUT, POST and LIST. */
  readonly put: number;
  /** GET and HEAD. */
  readonly get: number;
}

/** What requests cost, in dollars. DELETE is free at every store that is known here. */
export function costOf({ puts, lists, gets }: RequestCounts, prices: Prices): number {
  return ((puts + lists) * prices.put + gets * prices.get) / 1000;
}

/** Counts times a factor: what so many records took becomes what a million takes. */
export function scaled(counts: RequestCounts, factor: number): RequestCounts {
  const { puts, lists, gets, deletes, sentBytes, receivedBytes } = counts;
  return {
    puts: puts * factor,
    lists: lists * factor,
    gets: gets * factor,
    deletes: deletes * factor,
    sentBytes: sentBytes * factor,
    receivedBytes: receivedBytes * factor,
  };
}

const NONE = { puts: 0, lists: 0, gets: 0, deletes: 0, sentBytes: 0, receivedBytes: 0 };

function kindOf({ method, url }: HttpRequest): "deletes" | "gets" | "lists" | "puts" {
  const { searchParams } = new URL(url);
  if (method === "DELETE" || searchParams.has("delete")) return "deletes";
  if (method === "GET" && searchParams.has("list-type")) return "lists";
  return method === "GET" || method === "HEAD" ? "gets" : "puts";
}
