import { createHash, createHmac } from "node:crypto";
import type { Clock, HttpRequest } from "@holdfast/storage/ports";
import { SignatureV4 } from "@smithy/signature-v4";
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
  /** What the store's clock is ahead of ours. */
  #aheadMs = 0;

  constructor(region: string, clock: Clock) {
    this.#region = region;
    this.#clock = clock;
  }

  /** @returns All headers to send: those given, and those of the signature. */
  async sign(request: Signable, credentials: S3Credentials): Promise<Record<string, string>> {
    const { accessKeyId, secretAccessKey, sessionToken } = credentials;
    const library = new SignatureV4({
      service: "s3",
      region: this.#region,
      credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
      sha256: Sha256,
      // Paths at S3 are signed as they are sent.
      uriEscapePath: false,
    });
    const url = new URL(request.url);
    const signed = await library.sign(
      {
        method: request.method,
        protocol: url.protocol,
        hostname: url.hostname,
        path: url.pathname,
        query: Object.fromEntries(url.searchParams),
        headers: { ...request.headers, host: url.host, "x-amz-content-sha256": request.body === undefined ? SHA256_OF_NOTHING : sha256(request.body) },
      },
      { signingDate: new Date(this.#clock.now() + this.#aheadMs) },
    );
    // The port sends the host, which stands in the URL.
    return Object.fromEntries(Object.entries(signed.headers).filter(([name]) => name !== "host"));
  }

  /** The store refused a request for its time: from now on its clock is followed. Answers whether that changes anything. */
  follow(serverNowMs: number): boolean {
    const aheadMs = serverNowMs - this.#clock.now();
    const changes = Math.abs(aheadMs - this.#aheadMs) > 60_000;
    if (changes) this.#aheadMs = aheadMs;
    return changes;
  }
}

/** SHA-256, or its HMAC with a secret, as the library takes it. */
class Sha256 {
  readonly #hash: { update(data: Uint8Array | string): unknown; digest(): Buffer };

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash("sha256") : createHmac("sha256", toBytes(secret));
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(toBytes(data));
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest());
  }

  /** Of the library's interface; a hash is used once. */
  reset(): never {
    throw new Error("a hash is used once");
  }
}

function toBytes(data: string | ArrayBuffer | ArrayBufferView): Uint8Array {
  if (typeof data === "string") return Buffer.from(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

const SHA256_OF_NOTHING = sha256(new Uint8Array(0));
