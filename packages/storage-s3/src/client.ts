import { HttpPortError, type HttpPort, type HttpRequest, type HttpResponse } from "@holdfast/storage/ports";
import type { Address, Query } from "./address.js";
import type { CredentialSource } from "./credentials.js";
import { asTransient, badAnswer, noAnswer, type RequestFailure } from "./errors.js";
import { headerTime, readFailure } from "./responses.js";
import type { Retrier } from "./retrying.js";
import type { Signer } from "./signer.js";
import type { Slots } from "./slots.js";

/** One request to the store. */
export interface S3Request {
  readonly method: HttpRequest["method"];
  /** The object, prefix of the backend included; absent for requests on the bucket. */
  readonly key?: string | undefined;
  readonly query?: Query | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: Uint8Array | undefined;
}

/** What is done with a response of status 2xx; has to read the body or discard it. */
export type Use<T> = (response: HttpResponse) => Promise<T> | T;

/** What an {@link S3Client} is made of. */
export interface S3ClientParts {
  readonly port: HttpPort;
  readonly address: Address;
  readonly credentials: CredentialSource;
  readonly signer: Signer;
  readonly slots: Slots;
  readonly retrier: Retrier;
  readonly timeoutMs: number;
}

/** Sends signed requests: once by `attempt`, or as often as it takes by `send`. */
export class S3Client {
  readonly #parts: S3ClientParts;

  constructor(parts: S3ClientParts) {
    this.#parts = parts;
  }

  /** A request that does no harm when it is done twice, or late: tried again where that may help. */
  send<T>(request: S3Request, caller: AbortSignal | undefined, use: Use<T>): Promise<T> {
    return this.retry(caller, (signal) => this.attempt(request, signal, use));
  }

  /** Tries several attempts that only their caller can judge. */
  retry<T>(caller: AbortSignal | undefined, attempt: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.#parts.retrier.run(caller, attempt);
  }

  /**
   * Sends a request once.
   *
   * @returns What `use` answers.
   * @throws RequestFailure for any status but 2xx, for no answer, and for one that broke off. `signal.reason`.
   */
  async attempt<T>(request: S3Request, signal: AbortSignal, use: Use<T>): Promise<T> {
    const { port, address, credentials, signer, slots, timeoutMs } = this.#parts;
    const giveBack = await slots.take(signal);
    try {
      const key = await credentials.get(signal);
      const signable = {
        method: request.method,
        url: address.url(request.key, request.query),
        headers: request.headers ?? {},
        body: request.body,
      };
      const headers = { ...(await signer.sign(signable, key)), ...UNSIGNED_HEADERS };
      signal.throwIfAborted();
      const response = await port.request({ ...signable, headers, signal, timeoutMs });
      if (response.status >= 200 && response.status < 300) return await use(response);
      throw this.#mend(response, await readFailure(response), () => { credentials.expire(key); });
    } catch (error) {
      throw error instanceof HttpPortError ? noAnswer(error) : error;
    } finally {
      giveBack();
    }
  }

  /** What can be mended here makes a failure transient: a clock that is wrong, credentials that have expired. */
  #mend(response: HttpResponse, failure: RequestFailure, expire: () => void): RequestFailure {
    if (failure.code === "RequestTimeTooSkewed") {
      const serverNowMs = headerTime(response, "date");
      if (serverNowMs !== undefined && this.#parts.signer.follow(serverNowMs)) return asTransient(failure);
    }
    if (failure.code === "ExpiredToken" || failure.code === "TokenRefreshRequired") {
      expire();
      return asTransient(failure);
    }
    return failure;
  }
}

/** Nothing but the status counts. */
export function ignoreBody(response: HttpResponse): void {
  response.discard();
}

/** Proxies change these, so they are not signed. No coding: what is stored is what comes. */
const UNSIGNED_HEADERS = { "accept-encoding": "identity", "user-agent": "holdfast-storage-s3" };

/**
 * The ETag of what a PUT made; nothing else of the answer counts. Every store gives one, but whatever stands before a store may
 * answer 200 to anything, and has passed the PUT on or not.
 *
 * @throws RequestFailure `BadAnswer`, with outcome `unknown`, if there is none.
 */
export function takeEtag(response: HttpResponse): string {
  response.discard();
  const { etag = "" } = response.headers;
  if (etag === "") throw badAnswer(`a PUT was answered ${response.status} without an ETag: this is no object store, or something before it answers in its place; check the endpoint`);
  return etag;
}

/** @throws RequestFailure `BadAnswer` for a header that has to be there. */
export function requireHeader(response: HttpResponse, name: string): string {
  const value = response.headers[name];
  if (value === undefined || value === "") throw badAnswer(`an answer without ${name}`);
  return value;
}
