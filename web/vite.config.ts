/// <reference types="vitest/config" />
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin, type Rolldown } from "vite";
import policy from "./src/tables/policy.json" with { type: "json" };

type OutputBundle = Rolldown.OutputBundle;

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const BUNDLE = here("../src/mpoxlens/bundles/default/");

const BUNDLE_FILES = ["bundle.json", "golden.json", "model.onnx"];
const sha256 = (data: string | Uint8Array) => createHash("sha256").update(data).digest("hex");

const MADE_FOR = sha256(readFileSync(BUNDLE + "bundle.json"));

/** The files of one version with their hashes: the page, what lies beside it, and the bundle that the server adds. */
function hashes(output: OutputBundle): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, part] of Object.entries(output))
    if (name !== "sw.js") found[name] = sha256(part.type === "chunk" ? part.code : part.source);
  for (const name of readdirSync(here("public"))) found[name] = sha256(readFileSync(here(`public/${name}`)));
  for (const name of BUNDLE_FILES) found[`bundle/${name}`] = sha256(readFileSync(BUNDLE + name));
  return found;
}

/** Tells the service worker which files make up this version, and the server which bundle it was built for. */
function version(): Plugin {
  return {
    name: "mpoxlens-version",
    apply: "build",
    generateBundle: {
      order: "post",
      handler(_options, output) {
        const worker = output["sw.js"];
        if (worker?.type !== "chunk") throw new Error("sw.js was not built");
        const files = JSON.stringify(hashes(output));
        const name = sha256(files).slice(0, 16);
        worker.code = worker.code
          .replace(/["'`]__FILES__["'`]/, () => JSON.stringify(files))
          .replace("__VERSION__", name);
        const made = { version: name, bundle: MADE_FOR };
        this.emitFile({ type: "asset", fileName: "build.json", source: JSON.stringify(made) + "\n" });
      },
    },
  };
}

/** The policy in the page itself, for hosts that send no headers; that nobody may frame it only a header can say. */
function ownPolicy(): Plugin {
  const own = policy.directives.filter((one) => !one.startsWith("frame-ancestors ")).join("; ");
  return { name: "mpoxlens-policy", transformIndexHtml: (html) => html.replace("__POLICY__", () => own) };
}

export default defineConfig({
  base: "./",
  plugins: [version(), ownPolicy()],
  define: { __BUNDLE__: JSON.stringify(MADE_FOR) },
  worker: { format: "es" },
  build: {
    outDir: "../src/mpoxlens/web/site",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // the CSP allows no data: fonts or scripts
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: { index: here("index.html"), sw: here("src/sw.ts") },
      output: { entryFileNames: (chunk) => (chunk.name === "sw" ? "sw.js" : "assets/[name]-[hash].js") },
    },
  },
  test: { include: ["test/unit/**/*.test.{ts,tsx}"], environment: "node" },
});
