import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { onAbort } from "../src/index.js";

describe("onAbort", () => {
  it("calls everybody who still waits, once, in the order of waiting", () => {
    const controller = new AbortController();
    const called: string[] = [];
    const twice = (): void => {
      called.push("twice");
    };
    onAbort(controller.signal, twice);
    const end = onAbort(controller.signal, () => called.push("ended"));
    onAbort(controller.signal, twice);
    onAbort(controller.signal, () => called.push("last"));
    end();
    end();
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(1);
    controller.abort();
    controller.abort();
    expect(called).toEqual(["twice", "twice", "last"]);
  });

  it("does not call somebody whom another one ends", () => {
    const controller = new AbortController();
    const called: string[] = [];
    onAbort(controller.signal, () => {
      called.push("first");
      end();
    });
    const end = onAbort(controller.signal, () => called.push("second"));
    controller.abort();
    expect(called).toEqual(["first"]);
  });

  it("waits again when nobody waited any more", () => {
    const controller = new AbortController();
    const called: string[] = [];
    onAbort(controller.signal, () => called.push("gone"))();
    expect(getEventListeners(controller.signal, "abort")).toEqual([]);
    const end = onAbort(controller.signal, () => called.push("here"));
    controller.abort();
    end();
    expect(called).toEqual(["here"]);
  });

  it("calls at once where the signal has aborted, and never without one", () => {
    const called: string[] = [];
    onAbort(AbortSignal.abort(), () => called.push("at once"))();
    onAbort(undefined, () => called.push("never"))();
    expect(called).toEqual(["at once"]);
  });
});
