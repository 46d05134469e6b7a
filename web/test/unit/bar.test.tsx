// @vitest-environment happy-dom
import { render } from "preact";
import { afterEach, describe, expect, it } from "vitest";
import { undecided } from "../../src/core/rules";
import { english, load } from "../../src/i18n";
import { Bar } from "../../src/ui/components/bar";
import { words } from "../../src/ui/words";

const INTERVAL = { low: 0.6, high: 0.8 };
const ZONE = { low: 0.125, high: 0.5 };

describe("the zone in which the answer is “cannot tell”", () => {
  it("reaches over the three lines, whichever comes first", () => {
    expect(undecided({ alpha: 0.1, mpox_from: 0.19, other_to: 0.5 }, 0.21)).toEqual({ low: 0.19, high: 0.5 });
    expect(undecided({ alpha: 0.1, mpox_from: 0.6, other_to: 0.3 }, 0.7)).toEqual({ low: 0.3, high: 0.7 });
    expect(undecided({ alpha: 0.1, mpox_from: -0.1, other_to: 1.2 }, 0.5)).toEqual({ low: 0, high: 1 });
  });
});

describe("the bar", () => {
  const place = document.createElement("main");
  afterEach(() => {
    render(null, place);
    words.value = english;
  });
  function drawn(zone: typeof ZONE | null) {
    render(<Bar probability={0.7} interval={INTERVAL} line={0.25} zone={zone} />, place);
    const found = place.querySelector(".zone");
    const label = place.querySelector("[role=img]")?.getAttribute("aria-label");
    return { where: found && [found.getAttribute("x"), found.getAttribute("width")], label, key: place.textContent };
  }

  it("shows the zone, says it in its key and to a screen reader", () => {
    const { where, label, key } = drawn(ZONE);
    expect(where).toEqual(["12.5%", "37.5%"]);
    expect(label).toMatch(/“cannot tell” between 12\s%\sand 50\s%\.$/u);
    expect(key).toContain("“cannot tell” between");
  });

  it("mirrors it where one reads from the right", async () => {
    words.value = await load("ar");
    expect(drawn(ZONE).where).toEqual(["50%", "37.5%"]);
  });

  it("leaves it out where it is unknown or empty", () => {
    expect(drawn(null)).toMatchObject({ where: null });
    const empty = drawn({ low: 0.25, high: 0.25 });
    expect(empty.where).toBeNull();
    expect(empty.label).toMatch(/is at 25\s%\.$/u);
    expect(empty.key).not.toContain("cannot tell");
  });
});
