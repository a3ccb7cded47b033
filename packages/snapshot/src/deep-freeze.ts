/** Freezes values and all that is below them, each once: to find reducers that change a state instead of making a new one. */
export class DeepFreeze {
  readonly #frozen = new WeakSet();

  /** Freezes `value` and answers it. Contents of typed arrays, maps and sets cannot be frozen. */
  freeze<T>(value: T): T {
    const open: unknown[] = [value];
    while (open.length > 0) {
      const next = open.pop();
      if ((typeof next !== "object" && typeof next !== "function") || next === null || this.#frozen.has(next)) continue;
      this.#frozen.add(next);
      if (ArrayBuffer.isView(next)) continue;
      Object.freeze(next);
      for (const item of Object.values(next)) open.push(item);
    }
    return value;
  }
}
