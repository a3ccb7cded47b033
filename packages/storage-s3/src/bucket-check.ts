import { ignoreBody, type S3Client } from "./client.js";
import { RequestFailure } from "./errors.js";

/** Knows whether the bucket is there, once it was seen. */
export class BucketCheck {
  readonly #client: S3Client;
  #isSeen = false;

  constructor(client: S3Client) {
    this.#client = client;
  }

  /** @throws RequestFailure `NoSuchBucket` if it is not there. */
  async require(signal: AbortSignal | undefined): Promise<void> {
    if (this.#isSeen) return;
    try {
      await this.#client.send({ method: "HEAD" }, signal, ignoreBody);
    } catch (error) {
      if (!(error instanceof RequestFailure)) throw error;
      if (error.status === 404) throw noSuchBucket(error);
      // Who may read objects may not always ask for the bucket; a refusal comes from a bucket that is there.
      if (error.status !== 403) throw error;
    }
    this.#isSeen = true;
  }
}

function noSuchBucket(cause: RequestFailure): RequestFailure {
  return new RequestFailure("there is no such bucket", {
    code: "NoSuchBucket",
    status: 404,
    outcome: "not_applied",
    transient: false,
    cause,
  });
}
