/**
 * Starts work on items before its results are asked for, so many at once, and gives the results in the order of the items.
 *
 * @param start - Begins the work on an item.
 * @param discard - Lets go of work that was begun and whose result is not wanted any more.
 */
export async function* inOrder<Item, Result>(
  items: AsyncIterable<Item> | Iterable<Item>,
  parallelism: number,
  start: (item: Item) => Promise<Result>,
  discard: (result: Result) => Promise<void>,
): AsyncGenerator<Result, void, undefined> {
  const source = iterate(items);
  const begun: Promise<Result>[] = [];
  let hasMore = true;
  try {
    while (true) {
      while (hasMore && begun.length < parallelism) {
        const next = await source.next();
        if (next.done === true) hasMore = false;
        else begun.push(quiet(start(next.value)));
      }
      const first = begun.shift();
      if (first === undefined) return;
      yield await first;
    }
  } finally {
    await source.return();
    // What fails now was not asked for: the first failure is the one that is told.
    await Promise.allSettled(begun.map(async (it) => discard(await it)));
  }
}

/** The same items; each is asked for while the one before it is used. */
export async function* oneAhead<Item>(items: AsyncIterable<Item>): AsyncGenerator<Item, void, undefined> {
  const iterator = items[Symbol.asyncIterator]();
  let next = quiet(iterator.next());
  try {
    for (let result = await next; result.done !== true; result = await next) {
      next = quiet(iterator.next());
      yield result.value;
    }
  } finally {
    await Promise.allSettled([next]);
    await iterator.return?.();
  }
}

/** The same promise. That it is rejected before somebody waits for it is no accident. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

async function* iterate<Item>(items: AsyncIterable<Item> | Iterable<Item>): AsyncGenerator<Item, void, undefined> {
  yield* items;
}
