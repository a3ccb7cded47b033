import { createHash } from "node:crypto";
import type { Clock, HttpRequest } from "@holdfast/storage/ports";
import { AwsV4Signer } from "aws4fetch";
import type { S3Credentials } from "./credentials.js";

/** What is signed. */
export type Signable = Pick<HttpRequest, "method" | "url" | "headers" | "body">;

/**
 * Signs requests by AWS Signature Version 4, the hash of the body included, so that a store that checks signatures also checks
 * that the body came over whole.
 */
export class Signer {
  readonly #region: string;
  readonly #clock: Clock;
  /** Signing keys, which change by the day. */
  readonly #keys = new WeakMap<S3Credentials, { readonly day: string; readonly cache: Map<string, ArrayBuffer> }>();
  /** What the store's clock is ahead of ours. */
  #aheadMs = 0;

  constructor(region: string, clock: Clock) {
    this.#region = region;
    this.#clock = clock;
  }

  /** @returns All headers to send: those given, and those of the signature. */
  async sign(request: Signable, credentials: S3Credentials): Promise<Record<string, string>> {
    const datetime = new Date(this.#clock.now() + this.#aheadMs).toISOString().replace(/[:-]|\.\d{3}/g, "");
    const { accessKeyId, secretAccessKey, sessionToken } = credentials;
    const signed = await new AwsV4Signer({
      method: request.method,
      url: request.url,
      headers: { ...request.headers, "x-amz-content-sha256": sha256(request.body ?? NO_BYTES) },
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === undefined ? {} : { sessionToken }),
      service: "s3",
      region: this.#region,
      datetime,
      cache: this.#keysOf(credentials, datetime.slice(0, 8)),
    }).sign();
    return Object.fromEntries(signed.headers);
  }

  /** The store refused a request for its time: from now on its clock is followed. Answers whether that changes anything. */
  follow(serverNowMs: number): boolean {
    const aheadMs = serverNowMs - this.#clock.now();
    const changes = Math.abs(aheadMs - this.#aheadMs) > 60_000;
    if (changes) this.#aheadMs = aheadMs;
    return changes;
  }

  #keysOf(credentials: S3Credentials, day: string): Map<string, ArrayBuffer> {
    const known = this.#keys.get(credentials);
    if (known?.day === day) return known.cache;
    const cache = new Map<string, ArrayBuffer>();
    this.#keys.set(credentials, { day, cache });
    return cache;
  }
}

const NO_BYTES = new Uint8Array(0);

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
