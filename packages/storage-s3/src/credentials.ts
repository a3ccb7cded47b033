import type { Clock } from "@holdfast/storage/ports";
import { invalidArgument, RequestFailure } from "./errors.js";
import { untilAborted } from "./until-aborted.js";

/** An access key. Secret: it stands in no error and is not shown by `util.inspect` of a backend. */
export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of temporary credentials. */
  readonly sessionToken?: string | undefined;
  /** Unix milliseconds; a provider is asked anew some time before. Default: never. */
  readonly expiresAtMs?: number | undefined;
}

/** Where credentials come from that change, such as those of a role. What it rejects with becomes the `cause` of an error. */
export type S3CredentialsProvider = () => Promise<S3Credentials>;

/** The credentials of the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN. */
export function environmentCredentials(env: Readonly<Record<string, string | undefined>>): S3Credentials {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: sessionToken } = env;
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw invalidArgument("no credentials were given, and AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set", CALL);
  }
  return { accessKeyId, secretAccessKey, sessionToken: sessionToken === "" ? undefined : sessionToken };
}

/** Keeps the credentials in use; asks a provider when they are about to expire, once for all who wait. */
export class CredentialSource {
  readonly #provide: S3CredentialsProvider;
  readonly #clock: Clock;
  #current: S3Credentials | undefined;
  #asking: Promise<S3Credentials> | undefined;

  /** @throws STORAGE_INVALID_ARGUMENT for credentials that cannot be ones. */
  constructor(credentials: S3Credentials | S3CredentialsProvider, clock: Clock) {
    this.#clock = clock;
    if (typeof credentials === "function") {
      this.#provide = credentials;
    } else {
      const fixed = checked(credentials);
      this.#provide = () => Promise.resolve(fixed);
    }
  }

  /**
   * A provider that does not answer in time is asked again by the next call.
   *
   * @throws RequestFailure `NoCredentials` where the provider fails and what is there has expired. `signal.reason`.
   */
  async get(signal: AbortSignal): Promise<S3Credentials> {
    const current = this.#current;
    if (current !== undefined && this.#leftMs(current) > REFRESH_MS) return current;
    const asking = (this.#asking ??= this.#ask());
    try {
      return await untilAborted(asking, signal);
    } catch (cause) {
      if (this.#asking === asking) this.#asking = undefined;
      signal.throwIfAborted();
      if (current !== undefined && this.#leftMs(current) > 0) return current;
      throw new RequestFailure("the credentials provider failed", {
        code: "NoCredentials",
        outcome: "not_applied",
        transient: true,
        cause,
      });
    }
  }

  /** The store says that `credentials` have expired: they are not used again if the provider has others. */
  expire(credentials: S3Credentials): void {
    if (this.#current === credentials) this.#current = undefined;
  }

  async #ask(): Promise<S3Credentials> {
    this.#current = checked(await this.#provide());
    // Whoever is still waiting has it; who comes next asks when that is about to expire.
    this.#asking = undefined;
    return this.#current;
  }

  #leftMs({ expiresAtMs = Infinity }: S3Credentials): number {
    return expiresAtMs - this.#clock.now();
  }
}

/** So long before they expire credentials are renewed: longer than a request takes, and shorter than any role's life. */
const REFRESH_MS = 5 * 60_000;
const CALL = { operation: "s3Backend", outcome: "not_applied" } as const;
const VISIBLE = /^[\x21-\x7e]+$/;

/** What goes into headers must not be able to add headers. The message never shows a value. */
function checked(credentials: S3Credentials): S3Credentials {
  const { accessKeyId, secretAccessKey, sessionToken, expiresAtMs } = credentials;
  for (const [name, value] of Object.entries({ accessKeyId, secretAccessKey, sessionToken })) {
    if (name === "sessionToken" && value === undefined) continue;
    if (typeof value !== "string" || !VISIBLE.test(value)) throw invalidArgument(`${name} must be visible ASCII characters`, CALL);
  }
  if (expiresAtMs !== undefined && !Number.isFinite(expiresAtMs)) throw invalidArgument("expiresAtMs must be Unix milliseconds", CALL);
  return { accessKeyId, secretAccessKey, sessionToken, expiresAtMs };
}
