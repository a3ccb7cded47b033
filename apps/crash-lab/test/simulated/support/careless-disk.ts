import type { FsPort } from "@holdfast/storage/ports";
import { REAL_MODULES } from "../../../src/simulated/modules.js";
import type { ModulesUnderTest } from "../../../src/simulated/store-history.js";

/** The packages as they are, over a port that changes what it is asked to do: as if the packages had not asked for it. */
export function modulesOver(change: (port: FsPort) => Partial<FsPort>): ModulesUnderTest {
  const { fsBackend } = REAL_MODULES.storageFs;
  return {
    ...REAL_MODULES,
    storageFs: {
      ...REAL_MODULES.storageFs,
      fsBackend: (options) => {
        const { port } = options;
        return fsBackend(port === undefined ? options : { ...options, port: changed(port, change(port)) });
      },
    },
  };
}

/** Nothing that is named is ever synced. */
export function withoutDirectorySync(): ModulesUnderTest {
  return modulesOver(() => ({ syncDirectory: () => Promise.resolve() }));
}

/** Files are never synced, and never opened with O_DSYNC. */
export function withoutFileSync(): ModulesUnderTest {
  return modulesOver((port) => ({
    open: async (path, options) => {
      const file = await port.open(path, { ...options, dsync: false });
      return new Proxy(file, {
        get(target, name) {
          if (name === "sync" || name === "datasync") return () => Promise.resolve();
          const value: unknown = Reflect.get(target, name);
          return typeof value === "function" ? (...all: readonly unknown[]): unknown => Reflect.apply(value, target, all) : value;
        },
      });
    },
  }));
}

/** Locks are given to everybody. */
export function withoutLocks(): ModulesUnderTest {
  return modulesOver((port) => ({
    open: async (path, options) => {
      const file = await port.open(path, options);
      return new Proxy(file, {
        get(target, name) {
          if (name === "tryLock") return () => Promise.resolve(true);
          const value: unknown = Reflect.get(target, name);
          return typeof value === "function" ? (...all: readonly unknown[]): unknown => Reflect.apply(value, target, all) : value;
        },
      });
    },
  }));
}

function changed(port: FsPort, change: Partial<FsPort>): FsPort {
  return new Proxy(port, {
    get(target, name) {
      const own: unknown = Reflect.get(change, name);
      if (own !== undefined) return own;
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? (...all: readonly unknown[]): unknown => Reflect.apply(value, target, all) : value;
    },
  });
}
