/** Fetching the files, and the page's side of the conversation with the worker. */

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { UNKNOWN } from "../../src/core/schema";
import { connect } from "../../src/worker/client";
import { load } from "../../src/worker/load";
import type { Numbered, Reply, Request } from "../../src/worker/messages";

vi.setConfig({ testTimeout: 30_000 }); // a machine that does other work at the same time is slow, not wrong

describe("loading", () => {
  const bodies: Readonly<Record<string, string>> = {
    "/b/bundle.json": "{}", "/b/golden.json": "golden", "/b/model.onnx": "model".repeat(5000), "/ort.wasm": "wasm",
  };
  let server: Server;
  let base: string;

  beforeAll(async () => {
    server = createServer((request, answer) => {
      const body = bodies[request.url ?? ""];
      answer.writeHead(body === undefined ? 404 : 200, { "Content-Length": body?.length ?? 0 });
      answer.end(body);
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());

  it("gives every byte, and tells how far it is", async () => {
    const shares: number[] = [];
    const { files, wasm } = await load(`${base}/b/`, `${base}/ort.wasm`, (share) => shares.push(share));
    expect(new TextDecoder().decode(files["model.onnx"])).toBe(bodies["/b/model.onnx"]);
    expect(new TextDecoder().decode(wasm)).toBe("wasm");
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    expect(shares.at(-1)).toBeCloseTo(1, 12);
  });

  it("names the file that is missing", async () => {
    const loading = load(`${base}/elsewhere/`, `${base}/ort.wasm`, () => undefined);
    await expect(loading).rejects.toThrow("bundle.json: it cannot be loaded (status 404)");
    const dead = load(`${base}/b/`, "http://127.0.0.1:1/ort.wasm", () => undefined);
    await expect(dead).rejects.toMatchObject({ what: "onnxruntime", kind: "BundleError" });
  });
});

describe("the page's side", () => {
  /** A worker that says nothing by itself: what it would say is put into its mouth. */
  function silent() {
    const asked: Numbered<Request>[] = [];
    const worker = {
      onmessage: (() => undefined) as (event: { data: Reply }) => unknown,
      onerror: (() => undefined) as (event: { message: string }) => unknown,
      postMessage: (message: Numbered<Request>) => void asked.push(message),
      terminate: () => undefined,
    };
    const deaths: string[] = [];
    const clinic = connect(worker as unknown as Worker, "base/", (why) => deaths.push(why.message));
    return { worker, asked, deaths, clinic };
  }

  it("gives each answer to the one who asked, and progress to the one who loads", async () => {
    const { worker, asked, clinic } = silent();
    const shares: number[] = [];
    const [ready, quality] = [clinic.ready((share) => shares.push(share)), clinic.quality({} as never)];
    const [first, second] = asked.map(({ id }) => id);
    if (first === undefined || second === undefined) throw new TypeError("nothing was asked");
    worker.onmessage({ data: { id: first, share: 0.5 } });
    worker.onmessage({ data: { id: second, answer: { usable: true, reasons: [], measures: {} } } });
    worker.onmessage({ data: { id: first, refusal: { what: "a", why: "b", mend: "c", kind: "BundleError" } } });
    await expect(quality).resolves.toMatchObject({ usable: true });
    await expect(ready).rejects.toMatchObject({ message: "a: b; c", what: "a", kind: "BundleError" });
    expect(shares).toEqual([0.5]);
    expect(asked[0]).toMatchObject({ kind: "ready", base: "base/" });
  });

  it("leaves nobody waiting when the worker dies, nor those who ask it later", async () => {
    const { worker, clinic, asked, deaths } = silent();
    const screening = clinic.reweigh(UNKNOWN);
    worker.onerror({ message: "out of memory" });
    await expect(screening).rejects.toThrow("the clinic: out of memory; load the page again");
    await expect(clinic.quality({} as never)).rejects.toThrow("out of memory");
    expect(asked).toHaveLength(1);
    expect(deaths).toEqual(["the clinic: out of memory; load the page again"]);
  });

  it("leaves nobody waiting when it is closed, which is no death", async () => {
    const { clinic, deaths } = silent();
    const screening = clinic.reweigh(UNKNOWN);
    clinic.close();
    await expect(screening).rejects.toThrow("it was closed");
    expect(deaths).toEqual([]);
  });
});
