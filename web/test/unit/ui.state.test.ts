/** Photos that come late: they belong to the person who chose them, or to nobody. */

import { afterEach, describe, expect, it } from "vitest";
import { Problem } from "../../src/ui/problems";
import type { Shot } from "../../src/ui/shots";
import { clear, MOST_SHOTS, problems, reading, shots, started, takeIn } from "../../src/ui/state";

let made = 0;
const shot = (): Shot => ({ id: ++made, photo: { pixels: {} as ImageData }, url: `blob:${made}`, gate: null, face: false });

/** A photo that comes when it is told to. */
function late() {
  let bring: (shot: Shot) => void = () => undefined;
  const photo = new Promise<Shot>((resolve) => (bring = resolve));
  return { read: () => photo, bring };
}

describe("photos on their way", () => {
  afterEach(clear);

  it("are put to those that are there then, not to those of the beginning", async () => {
    const [first, second, slow] = [shot(), shot(), late()];
    await takeIn([() => Promise.resolve(first), () => Promise.resolve(second)]);
    const taking = takeIn([slow.read]);
    expect(reading.value).toBe(1);
    shots.value = shots.value.filter((one) => one !== first); // removed while the third is read
    slow.bring(shot());
    await taking;
    expect(shots.value.map((one) => one.id)).toEqual([second.id, made]);
    expect(reading.value).toBe(0);
  });

  it("of the person before are dropped, with all that was to follow and what was wrong with them", async () => {
    const [slow, bad] = [late(), late()];
    const read: string[] = [];
    const taking = takeIn([slow.read, () => (read.push("the next"), Promise.resolve(shot()))]);
    const failing = takeIn([() => bad.read().then(() => Promise.reject(new Problem("ui.file.empty", { file: "a name" })))]);
    clear();
    const now = shot();
    await takeIn([() => Promise.resolve(now)]);
    slow.bring(shot());
    bad.bring(shot());
    await Promise.all([taking, failing]);
    expect(shots.value).toEqual([now]);
    expect(read).toEqual([]);
    expect(problems.value).toEqual([]);
    expect(reading.value).toBe(0);
  });

  it("are never more than the most", async () => {
    const slow = late();
    const taking = takeIn([slow.read]);
    await takeIn(Array.from({ length: MOST_SHOTS + 1 }, () => () => Promise.resolve(shot())));
    slow.bring(shot());
    await taking;
    expect(shots.value).toHaveLength(MOST_SHOTS);
  });

  it("say what is wrong with them, until the person starts again", async () => {
    const named = new Problem("ui.file.empty", { file: "anna.jpg" });
    await takeIn([() => Promise.reject(named), () => Promise.reject(new RangeError("no memory")), () => Promise.resolve(shot())]);
    expect(problems.value.map((one) => one.key)).toEqual(["ui.file.empty", "ui.problem.unforeseen"]);
    expect(shots.value).toHaveLength(1);
    expect(started.value).toBe(true);
    clear();
    expect(problems.value).toEqual([]);
    expect(started.value).toBe(false);
  });
});
