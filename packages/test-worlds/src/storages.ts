import type { StorageBackend } from "@holdfast/storage";
import { onTestFinished } from "vitest";
import { places, type Place } from "./places.js";

/** Every kind of storage, empty, whose time passes by itself. Closed when the test has finished. */
export const storages: readonly (readonly [string, () => Promise<StorageBackend>])[] = places.map(([name, newPlace]) => [name, () => opened(newPlace())]);

async function opened(place: Place): Promise<StorageBackend> {
  const storage = await place.open();
  let end = (): void => undefined;
  const finished = new Promise<void>((resolve) => {
    end = resolve;
  });
  void place.runBesideFiles(finished);
  onTestFinished(async () => {
    await storage.close();
    end();
  });
  return storage;
}
