import type { ConformanceCase } from "../case.js";
import { openAndCloseCases } from "./append-open-and-close.js";
import { orderAndPlaceCases } from "./append-order-and-place.js";
import { reserveCases } from "./append-reserve.js";
import { syncCases } from "./append-sync.js";
import { truncateCases } from "./append-truncate.js";

/** Rules of `appendable.open` and of the file it gives. */
export const appendCases: readonly ConformanceCase[] = [...openAndCloseCases, ...orderAndPlaceCases, ...truncateCases, ...reserveCases, ...syncCases];
