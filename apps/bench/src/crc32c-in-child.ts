import { useCrc32cAt } from "./crc32c.js";

/** Imported by a child process before its own file. The part of its URL behind the question mark is the URL of the module to use. */
await useCrc32cAt(decodeURIComponent(new URL(import.meta.url).search.slice(1)));
