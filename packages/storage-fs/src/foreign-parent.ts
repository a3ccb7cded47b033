import { isDenied } from "./errors.js";
import { discardTemporary, openTemporary, type TemporaryOptions } from "./temporaries.js";

/**
 * Syncs the directory that holds the root, or one above it, unless it is somebody else's: one that this process may neither open
 * for reading nor write to, as `/home` is on some machines. Nobody with these rights has made anything in it, so whoever made
 * the directory that was found there answers for its name.
 *
 * Where it may be written to, not being able to sync it is an error: an opening that was killed may have made that name.
 *
 * @param parent - Path of the directory.
 * @throws What `sync` throws.
 */
export async function unlessForeign(parent: string, temporaries: TemporaryOptions, sync: (parent: string) => Promise<void>): Promise<void> {
  try {
    await sync(parent);
  } catch (error) {
    if (!isDenied(error) || (await mayMakeFiles(parent, temporaries))) throw error;
  }
}

/** There is no way to ask that holds for every kind of permission, other than to try. */
async function mayMakeFiles(directory: string, temporaries: TemporaryOptions): Promise<boolean> {
  try {
    await discardTemporary(await openTemporary(directory, temporaries, { operation: "open" }), temporaries.port);
    return true;
  } catch (error) {
    // No room, for example, says nothing about rights.
    return !isDenied(error);
  }
}
