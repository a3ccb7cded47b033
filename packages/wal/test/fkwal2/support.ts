import { storageKey, type AppendableStorage, type StorageBackend, type StorageKey } from "@holdfast/storage";
import { encodeFkwal2Entry, encodeFkwal2Header, type Fkwal2Decode } from "../../src/fkwal2/index.js";
import type { Place } from "../support/backends.js";

export const WAL: StorageKey = storageKey("wal.log");

/** A backend on the contents whose objects grow. */
export async function appending(place: Place): Promise<StorageBackend & { readonly appendable: AppendableStorage }> {
  const storage = await place.open();
  if (storage.appendable === undefined) throw new Error("files do not grow there");
  return storage as StorageBackend & { readonly appendable: AppendableStorage };
}

/** The payload that a number becomes, for {@link number}. */
export const entry = (n: number, padding = 0): Uint8Array => new TextEncoder().encode(`{"Snapshot":${n}${" ".repeat(padding)}}`);

export const file = (...parts: readonly Uint8Array[]): Buffer => Buffer.concat([encodeFkwal2Header(), ...parts]);

export const frame = (n: number, padding = 0): Uint8Array => encodeFkwal2Entry(entry(n, padding));

export const number: Fkwal2Decode<number> = (payload) => {
  const found = /^\{"Snapshot":(\d+) *\}$/.exec(new TextDecoder().decode(payload))?.[1];
  return found === undefined ? { error: new Error("no number") } : { value: Number(found) };
};
