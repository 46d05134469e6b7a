// @vitest-environment happy-dom
import { render } from "preact";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { checkedMap } from "../../src/core/bundle";
import type { Known, PhotoResult } from "../../src/core/schema";
import { Heat } from "../../src/ui/components/heat";
import { shots } from "../../src/ui/state";
import { t } from "../../src/ui/words";
import { screening } from "./takeawaySample";

const PHOTO: PhotoResult = {
  file: "photo", gate: { usable: true, reasons: [], measures: {} }, strange: null, counted: true, probability: 0.5,
  ood_score: 1, heat: { evidence: new Float32Array(49), width: 7, height: 7, strongest: "upper left" },
};

describe("the heat map", () => {
  const place = document.createElement("main");
  beforeAll(() => {
    shots.value = [{ url: "blob:1", photo: { pixels: { data: new Uint8Array(16), width: 2, height: 2 } } }] as never;
  });
  afterEach(() => {
    render(null, place);
  });
  function drawn(map_passed: Known): string {
    render(<Heat screening={{ ...screening(), photos: [PHOTO], map_passed }} />, place);
    return place.textContent;
  }

  it("is shown with its limits, and says where nobody checked it", () => {
    expect(drawn(true)).toContain(t("ui.heat.what"));
    expect(place.querySelectorAll("canvas, input")).toHaveLength(2);
    expect(place.textContent).not.toContain(t("ui.heat.unchecked"));
    expect(drawn(null)).toContain(t("ui.heat.unchecked"));
    expect(place.querySelectorAll("canvas, input")).toHaveLength(2);
  });

  it("is not shown once it failed its sanity check, nor is what it says", () => {
    expect(drawn(false)).toBe(t("ui.heat.title") + t("ui.heat.failed"));
    expect(place.querySelectorAll("canvas, input, img")).toHaveLength(0);
  });
});

describe("its check in the bundle", () => {
  const check = (high: number, limit: number, passed: unknown, method = "cam") => () => {
    const alike = { signed: { value: 0.1, low: -0.05, high: 0.1 }, absolute: { value: 0.1, low: 0.05, high } };
    return checkedMap({ method, passed, sanity: { alike, limit } });
  };

  it("passes while both intervals lie below the limit", () => {
    expect(check(0.4, 0.5, true)()).toMatchObject({ passed: true, limit: 0.5 });
    expect(check(0.5, 0.5, false)()).toMatchObject({ passed: false });
  });

  it.each([
    ["a verdict that its numbers deny", check(0.6, 0.5, true)],
    ["a verdict that is none", check(0.4, 0.5, "yes")],
    ["a mean outside its interval", check(0.09, 0.5, true)],
    ["another map", check(0.4, 0.5, true, "lime")],
  ])("is refused for %s", (_, read) => {
    expect(read).toThrow("the check of its heat map is impossible");
  });
});
