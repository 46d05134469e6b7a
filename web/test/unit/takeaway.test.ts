import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { QUESTIONS } from "../../src/core/questions";
import { UNKNOWN } from "../../src/core/schema";
import { toBundle } from "../../src/takeaway/fhir";
import { QUESTIONNAIRE, QUESTIONNAIRE_VERSION } from "../../src/takeaway/fhirTypes";
import { lock, type Locked, readKey } from "../../src/takeaway/handover";
import { codePath, CodeError, readCode, sameBundle, writeCode } from "../../src/takeaway/qr";
import { fileName, recordText, screeningTold, withoutSensitive } from "../../src/takeaway/record";
import { choose } from "../../src/takeaway/takeAlong";
import { expert } from "./takeawayExpert";
import { BUNDLE_SHA, INFO, MADE, record, screening, undecided } from "./takeawaySample";

const here = (name: string): string => readFileSync(new URL(name, import.meta.url), "utf8");
const CODE = "MPOXLENS:1:0.1.0:L:8125:7000:9000:A1B2C3D4E5F60708:20261122T164500Z:6E2E4E66A7A9C043";

function ids(): () => string {
  let n = 0;
  return () => `00000000-0000-4000-8000-${String(++n).padStart(12, "0")}`;
}

describe("the record", () => {
  it("leaves private answers out unless they are ticked", () => {
    const told = choose(record(INFO, "AAAA"), false, false);
    expect(told.info).toEqual({ ...INFO, anogenital_lesions: null, hiv: null });
    expect(told.photos).toEqual([]);
    expect(choose(record(INFO, "AAAA"), true, true)).toEqual(record(INFO, "AAAA"));
  });

  it("leaves out the evidence and the criterion that would give a private answer away", () => {
    const whole = screening().history;
    expect(whole.evidence.map(({ key }) => key)).toEqual(["contact_21_days", "hiv", "anogenital_lesions"]);
    const told = screeningTold({ screening: screening(), info: withoutSensitive(INFO) }).history;
    expect(told.evidence.map(({ key }) => key)).toEqual(["contact_21_days"]);
    const mucosal = (history: typeof whole) => history.criteria.find(({ key }) => key === "mucosal_or_anogenital")?.met;
    expect([mucosal(whole), mucosal(told)]).toEqual([true, null]);
  });

  it("says nothing of a private answer in any file", () => {
    const told = choose(record(INFO, "SECRETPHOTO"), false, false);
    for (const text of [recordText(told), JSON.stringify(toBundle(told))]) {
      expect(text).not.toMatch(/hiv|anogenital_lesions|"anogenital lesions|SECRETPHOTO/i);
      expect(text).toMatch(/contact_21_days/);
    }
  });

  it("is a JSON file with the published screening in it", () => {
    const told = JSON.parse(recordText(record())) as Record<string, unknown>;
    expect(told["answers"]).toEqual({ age: 34, contact_21_days: true, fever_celsius: 38.9, anogenital_lesions: true, hiv: true });
    expect(told["screening"]).toMatchObject({ schema_version: 1, decision: "mpox likely", probability: 0.8125 });
    expect(told).not.toHaveProperty("photos");
    const photos = (JSON.parse(recordText(record(INFO, "AAAA", "BBBB"))) as typeof told)["photos"];
    expect(photos).toEqual([{ name: "photo 1", jpeg: "AAAA" }, { name: "photo 2", jpeg: "BBBB" }]);
    expect(fileName(MADE, "json")).toBe("mpoxlens-2026-11-22-164500.json");
  });
});

describe("the FHIR bundle", () => {
  it("is the bundle that the Python tests hold to FHIR R4", async () => {
    const text = `${JSON.stringify(toBundle(record(INFO, "/9j/4A=="), ids()), null, 1)}\n`;
    await expect(text).toMatchFileSnapshot("takeaway.bundle.json");
  });

  it("gives the probability in per cent and refers only to what it holds", () => {
    const bundle = toBundle(record(), ids());
    const risk = bundle.entry.map(({ resource }) => resource).find(({ resourceType }) => resourceType === "RiskAssessment");
    expect(risk?.["prediction"]).toMatchObject([{ probabilityDecimal: 81.25 }]);
    const held = new Set(bundle.entry.map(({ fullUrl }) => fullUrl));
    const named = [...JSON.stringify(bundle).matchAll(/"reference":"([^"]+)"/g)].map(([, address]) => address ?? "");
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((address) => !held.has(address))).toEqual([]);
  });

  it("gives no probability where no decision rests on one", () => {
    const open = toBundle(undecided(), ids());
    const told = open.entry.find(({ resource }) => resource.resourceType === "RiskAssessment");
    expect(told?.resource["prediction"]).toMatchObject([{ qualitativeRisk: { text: "cannot tell" } }]);
    expect(JSON.stringify(open)).not.toMatch(/probabilityDecimal|95 % interval|81\.25|"%"/);
    const photo = open.entry.find(({ resource }) => JSON.stringify(resource["code"] ?? "").includes("by the photograph alone"));
    const absent = { text: "No probability is given, because no decision rests on it." };
    expect(photo?.resource).toMatchObject({ dataAbsentReason: absent, component: [{ dataAbsentReason: absent }, { dataAbsentReason: absent }] });
    expect(JSON.stringify(toBundle(record()))).toMatch(/"%"/); // where there is a decision, it stands there
  });

  it("is without a probability the bundle that the Python tests hold to FHIR R4", async () => {
    await expect(`${JSON.stringify(toBundle(undecided(), ids()), null, 1)}\n`).toMatchFileSnapshot("takeaway.open.json");
  });

  it("holds every photo of the record", () => {
    const media = toBundle(record(INFO, "AAAA", "BBBB"), ids()).entry.filter(({ resource }) => resource.resourceType === "Media");
    expect(media.map(({ resource }) => resource["content"])).toEqual([
      { contentType: "image/jpeg", data: "AAAA", title: "photo 1" }, { contentType: "image/jpeg", data: "BBBB", title: "photo 2" },
    ]);
    expect(new Set(media.map(({ fullUrl }) => fullUrl)).size).toBe(2);
  });

  it("has no list without members, which FHIR forbids", () => {
    expect(JSON.stringify(toBundle(record(UNKNOWN)))).not.toMatch(/\[\]/);
  });

  it("names the questionnaire as it names itself", () => {
    const told = JSON.parse(here("../../questionnaire/questionnaire.json")) as { url: string; version: string; item: { linkId: string }[] };
    expect([told.url, told.version]).toEqual([QUESTIONNAIRE, QUESTIONNAIRE_VERSION]);
    expect(told.item.map(({ linkId }) => linkId)).toEqual(QUESTIONS.map(({ field }) => field));
  });
});

describe("the code", () => {
  it("is written as Python writes it", async () => {
    expect(await writeCode(record())).toBe(CODE);
  });

  it("is read back, typed in small letters and broken into lines too", async () => {
    const code = await readCode(` ${CODE.toLowerCase().slice(0, 40)}\n${CODE.slice(40)} `);
    expect(code).toEqual({
      software: "0.1.0",
      decision: "mpox likely",
      probability: 0.8125,
      interval: { low: 0.7, high: 0.9 },
      bundle: "a1b2c3d4e5f60708",
      made: new Date("2026-11-22T16:45:00Z"),
    });
    expect([sameBundle(code, BUNDLE_SHA), sameBundle(code, `b${BUNDLE_SHA.slice(1)}`)]).toEqual([true, false]);
  });

  it("is refused when any one sign is another", async () => {
    for (let n = 0; n < CODE.length; n++) {
      const sign = CODE[n] === "7" ? "8" : "7";
      await expect(readCode(CODE.slice(0, n) + sign + CODE.slice(n + 1))).rejects.toBeInstanceOf(CodeError);
    }
  });

  it.each(["20260230T164500Z", "20261122T240000Z", "20261322T164500Z"])("is refused where it names the time %s", async (time) => {
    const said = CODE.slice(0, -17).replace("20261122T164500Z", time);
    const sum = createHash("sha256").update(said).digest("hex").slice(0, 16).toUpperCase();
    await expect(readCode(`${said}:${sum}`)).rejects.toMatchObject({ kind: "changed" });
  });

  it.each([
    ["https://example.org", "foreign"],
    ["", "foreign"],
    [CODE.replace(":1:", ":2:"), "newer"],
    [CODE.slice(0, -1), "changed"],
    [CODE.replace("8125", "9125"), "changed"],
  ])("says of %j that it is %s", async (text, kind) => {
    await expect(readCode(text)).rejects.toMatchObject({ kind });
  });

  it("is drawn as version 4, 33 modules and a quiet zone of 4 on each side; Python reads the drawing", async () => {
    const { path, side } = codePath(CODE);
    expect(side).toBe(33 + 8);
    await expect(`${path}\n`).toMatchFileSnapshot("takeaway.qr.txt");
  });
});

describe("the hand-over", () => {
  async function known() {
    const other = expert();
    const key = await readKey(other.text);
    if (key === null) throw new Error("the key was not read back");
    return { ...other, key };
  }

  it("is opened by the expert, and by no other key", async () => {
    const [mine, other] = [await known(), await known()];
    const told = "{\"é\": \"what nobody else may read\"}";
    const locked = await lock(told, mine.key);
    expect(mine.unlock(locked)).toBe(told);
    expect(() => other.unlock(locked)).toThrow();
    const bytes = Buffer.concat(Object.values(locked).map((part) => Buffer.from(String(part), "base64url")));
    expect(bytes.length).toBeGreaterThan(Buffer.from(told).length);
    for (const word of told.split(" ")) expect(bytes.includes(word)).toBe(false);
  });

  it("is refused when the name on it or its content was changed", async () => {
    const mine = await known();
    const locked = await lock("x", mine.key);
    const changed = (part: Partial<Locked>) => () => mine.unlock({ ...locked, ...part });
    expect(changed({ to: "0".repeat(16) })).toThrow();
    expect(changed({ ciphertext: (await lock("y", mine.key)).ciphertext })).toThrow();
  });

  it("never gives the same file twice", async () => {
    const { key } = await known();
    const [a, b] = [await lock("x", key), await lock("x", key)];
    expect(a.ephemeral).not.toBe(b.ephemeral);
    expect(a.ciphertext).not.toBe(b.ciphertext);
  });

  it("takes a key broken into lines, and no key with a sign lost or changed", async () => {
    const { text, key } = await known();
    expect(await readKey(`${text.slice(0, 40)}\n ${text.slice(40)}`)).toEqual(key);
    expect(await readKey("")).toBeNull();
    expect(await readKey(text.slice(0, -1))).toBeNull();
    const swapped = text.replace(/:([A-Za-z0-9_-]{87}):/, (_, point: string) => `:${point.slice(0, 50)}${point[50] === "A" ? "B" : "A"}${point.slice(51)}:`);
    expect(await readKey(swapped)).toBeNull();
  });

  it("reads the key that Python makes", async () => {
    const key = await readKey(here("takeaway.key.txt"));
    expect(key?.fingerprint).toBe(here("takeaway.key.txt").trim().slice(-16));
  });
});
