import { describe, expect, it } from "vitest";
import { QUESTIONS } from "../../src/core/questions";
import { ClinicError, UNKNOWN, type Gate } from "../../src/core/schema";
import { LANGUAGES, load } from "../../src/i18n";
import { hintOf } from "../../src/ui/camera";
import { simdHere } from "../../src/core/simd";
import { modelProblem } from "../../src/ui/components/notices";
import { parseNumber } from "../../src/ui/components/question";
import { clash, groupsFor, seenOf } from "../../src/ui/groups";
import { readHeader } from "../../src/ui/imageHeader";
import { numbersOf } from "../../src/ui/screens/take";
import { info, named, told } from "../../src/ui/state";

const asked = (info = UNKNOWN) => groupsFor(info).flatMap((group) => group.questions.map((one) => one.field));
const question = (field: string) => {
  const found = QUESTIONS.find((one) => one.field === field);
  if (found === undefined) throw new Error(field);
  return found;
};

describe("the parts of the questionnaire", () => {
  it("ask every question of an adult with fever, once", () => {
    const adult = { ...UNKNOWN, age: 40, fever: true };
    expect([...asked(adult)].sort()).toEqual(QUESTIONS.map((one) => one.field).sort());
  });

  it("keep the private ones together at the end, and away from children", () => {
    expect(groupsFor(UNKNOWN).at(-1)?.questions.map((one) => one.field)).toEqual([
      "anogenital_lesions", "proctitis", "intimate_contact_21_days", "sex_with_men", "hiv",
    ]);
    expect(groupsFor({ ...UNKNOWN, age: 17 }).at(-1)?.questions.map((one) => one.field)).toEqual([
      "anogenital_lesions", "proctitis",
    ]);
  });

  it("ask how high a fever was only where there was one", () => {
    expect(asked()).not.toContain("fever_celsius");
    expect(asked({ ...UNKNOWN, fever: true })).toContain("fever_celsius");
    expect(asked({ ...UNKNOWN, lymphadenopathy: false })).not.toContain("inguinal_nodes");
  });

  it("count no answer to a question that is no longer asked", () => {
    const feverish = { ...UNKNOWN, fever: true, fever_celsius: 39.4 };
    expect(seenOf(feverish)).toEqual(feverish);
    expect(seenOf({ ...feverish, fever: null })).toEqual(UNKNOWN);
    expect(seenOf({ ...UNKNOWN, age: 9, hiv: true })).toEqual({ ...UNKNOWN, age: 9 });
  });

  it("lose no private answer while an age is typed", () => {
    const counted: (boolean | null)[] = [];
    info.value = { ...UNKNOWN, age: 41, hiv: true };
    for (const age of [4, null, 3, 38]) {
      info.value = { ...info.value, age };
      counted.push(told.value.hiv);
    }
    info.value = UNKNOWN;
    expect(counted).toEqual([null, true, null, true]); // a child of 4 or 3 is not asked
  });

  it("name the two answers that do not fit together", () => {
    expect(clash({ ...UNKNOWN, monomorphic: true, crops_of_lesions: true })).toEqual(["monomorphic", "crops_of_lesions"]);
    expect(clash({ ...UNKNOWN, lesion_count: 0, pustules: true })).toEqual(["lesion_count", "pustules"]);
    expect(clash(UNKNOWN)).toEqual([]);
  });
});

describe("photos on their way to a record", () => {
  const shots = ["anna.jpg", "C:/anna/rash.png"].map((name, id) =>
    ({ id, url: "", gate: null, face: false, photo: { pixels: {} as ImageData, name } }));

  it("have no name but their number", () => {
    expect(named(shots).map(({ name }) => name)).toEqual(["photo 1", "photo 2"]);
  });

  it("are those that counted, and all where none did", () => {
    const of = (...counted: boolean[]) => numbersOf({ photos: counted.map((one) => ({ counted: one })) as never });
    expect([of(false, true, true), of(true), of(false, false)]).toEqual([[2, 3], [1], [1, 2]]);
  });
});

describe("typed numbers", () => {
  it("come back as they can be typed again, in every language", async () => {
    for (const language of LANGUAGES) {
      const { typed } = await load(language);
      for (const [field, value] of [["lesion_count", 1200], ["lesion_count", 20000], ["fever_celsius", 38.54], ["age", 7]] as const)
        expect(parseNumber(typed(value), question(field)), `${language} ${typed(value)}`).toBe(value);
    }
  });

  it.each([
    ["age", "", null], ["age", " 41 ", 41], ["age", "٤١", 41], ["age", "121", undefined], ["age", "4.5", undefined],
    ["age", "-3", undefined], ["fever_celsius", "38,6", 38.6], ["fever_celsius", "38.6", 38.6],
    ["fever_celsius", "101", undefined], ["lesion_count", "1e3", undefined],
  ])("%s %j is %j", (field, typed, value) => {
    expect(parseNumber(typed, question(field))).toBe(value);
  });
});

describe("hints of the camera", () => {
  const gate = (...codes: string[]): Gate => ({
    usable: codes.length === 0,
    reasons: codes.map((code) => ({ code, text: "", next_step: "", key: code, values: {} })),
    measures: {},
  });
  it("say the first thing to change", () => {
    expect(hintOf(gate())).toBe("ui.hint.good");
    expect(hintOf(gate("too_dark", "no_skin", "blurred"))).toBe("ui.hint.dark");
    expect(hintOf(gate("no_skin", "blurred"))).toBe("ui.hint.far");
  });
});

describe("the header of a picture", () => {
  const bytes = (...parts: (string | number[])[]) =>
    new Uint8Array(parts.flatMap((part) => (typeof part === "string" ? Array.from(part, (c) => c.charCodeAt(0)) : part)));

  it("tells the size of a JPEG behind other segments", () => {
    const exif = [0xff, 0xe1, 0, 6, 1, 2, 3, 4];
    const frame = [0xff, 0xc2, 0, 17, 8, 0x0b, 0xd0, 0x0f, 0xa0, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1];
    expect(readHeader(bytes([0xff, 0xd8], exif, frame))).toEqual({
      format: "jpeg", width: 4000, height: 3024, moving: false,
    });
  });

  it("tells of a JPEG that was cut short that it has no size", () => {
    expect(readHeader(bytes([0xff, 0xd8, 0xff, 0xe1, 0, 200, 1, 2]))).toMatchObject({ format: "jpeg", width: 0 });
  });

  it("tells the size of a PNG, and whether it moves", () => {
    const header = ["\x89PNG\r\n\x1a\n", [0, 0, 0, 13], "IHDR", [0, 0, 0x75, 0x30, 0, 0, 0x4e, 0x20], [8, 2, 0, 0, 0, 0, 0, 0, 0]];
    const still = bytes(...(header as string[]), [0, 0, 0, 1], "IDAT");
    expect(readHeader(still)).toEqual({ format: "png", width: 30000, height: 20000, moving: false });
    const moving = bytes(...(header as string[]), [0, 0, 0, 0], "acTL", [0, 0, 0, 0], [0, 0, 0, 1], "IDAT");
    expect(readHeader(moving).moving).toBe(true);
  });

  it("tells the size of a WebP in each of its three forms", () => {
    const riff = (kind: string, rest: number[]) => bytes("RIFF", [0, 0, 0, 0], "WEBP", kind, [0, 0, 0, 0], rest);
    const extended = riff("VP8X", [2, 0, 0, 0, 0x7f, 0x02, 0, 0xdf, 0x01, 0]);
    expect(readHeader(extended)).toEqual({ format: "webp", width: 640, height: 480, moving: true });
    const lossless = riff("VP8L", [0x2f, 0x7f, 0xc2, 0x77, 0, 0, 0, 0, 0, 0]); // 639 | 479 << 14
    expect(readHeader(lossless)).toEqual({ format: "webp", width: 640, height: 480, moving: false });
    const lossy = riff("VP8 ", [0, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x01]);
    expect(readHeader(lossy)).toEqual({ format: "webp", width: 640, height: 480, moving: false });
  });

  it("knows HEIC, and what is no picture", () => {
    expect(readHeader(bytes([0, 0, 0, 24], "ftypheic", [0, 0])).format).toBe("heic");
    expect(readHeader(bytes("%PDF-1.7 and so on, long enough to look at")).format).toBe("other");
    expect(readHeader(new Uint8Array()).format).toBe("other");
  });
});

describe("a model that cannot be used", () => {
  it("is damaged, could not be had, or is too much for this browser", () => {
    const damaged = new ClinicError("model.onnx", "its sha256 is not the one in bundle.json, so it was altered or damaged", "");
    const missing = new ClinicError("model.onnx", "it cannot be loaded (status 404)", "");
    expect(modelProblem(damaged)).toBe("ui.problem.damaged");
    expect(modelProblem(missing)).toBe("ui.problem.model");
    expect(modelProblem(damaged, () => false)).toBe("ui.problem.wasm");
  });

  it("is none for want of vectors where WebAssembly has them, as node has", () => {
    expect(simdHere()).toBe(true);
  });
});
