import { JsonError, JsonReader, u32 } from "@holdfast/bytes/json";

/** What keeps a file from being read, as a value. */
export interface FileFault {
  /** For people; where yoi has words for it, in its words. */
  readonly message: string;
  /** Byte in the file. */
  readonly offset: number | undefined;
  /** Whether a newer version of the format wrote it: then it is not damage. */
  readonly newerVersion: boolean;
}

/** A file's value, or what keeps it from being read. */
export type FileReading<T> = { readonly value: T; readonly fault?: undefined } | { readonly value?: undefined; readonly fault: FileFault };

/** The version of `runtime.json` and `worker.json`. */
export const SCHEMA_VERSION = 1;

/** A file with a version. One of another version is told from a damaged one, however it reads. */
export function readVersioned<T extends { readonly schemaVersion: number }>(bytes: Uint8Array, read: (reader: JsonReader) => T): FileReading<T> {
  try {
    const reader = new JsonReader(bytes);
    const value = read(reader);
    reader.end();
    return value.schemaVersion === SCHEMA_VERSION ? { value } : { fault: otherVersion(value.schemaVersion) };
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    const version = versionOf(bytes);
    if (version !== undefined && version !== SCHEMA_VERSION) return { fault: otherVersion(version) };
    return { fault: { message: error.message, offset: error.offset, newerVersion: false } };
  }
}

function otherVersion(version: number): FileFault {
  const message = `unsupported schema version ${version}, expected ${SCHEMA_VERSION}`;
  return { message, offset: undefined, newerVersion: version > SCHEMA_VERSION };
}

/** What a file whose fields are not as expected says its version is. */
function versionOf(bytes: Uint8Array): number | undefined {
  let version: number | undefined;
  try {
    const reader = new JsonReader(bytes);
    reader.object((name) => {
      if (name === "schema_version") version = u32.read(reader);
      else reader.skip();
    });
    reader.end();
    return version;
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return undefined;
  }
}
