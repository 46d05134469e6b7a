// What benchmarks/phone_page.py runs inside the two pages. Times are in ms, of the browser's own clock.

// Before the page's own scripts: note when it takes a first tap, which worker it starts, and when its model is ready.
function watch() {
  globalThis.seen = { interactive: null, ready: null, worker: null };
  new MutationObserver((_, observer) => {
    if (document.querySelector(".main-button") === null) return;
    observer.disconnect();
    setTimeout(() => (seen.interactive = performance.now())); // once the scripts that run now are done
  }).observe(document, { childList: true, subtree: true });
  globalThis.Worker = class extends Worker {
    constructor(...given) {
      super(...given);
      seen.worker = this;
      this.addEventListener("message", ({ data }) => {
        if (data.answer?.onnxruntime) seen.ready ??= performance.now();
      });
    }
  };
}

async function noted(what) {
  while (seen[what] === null) await new Promise((resolve) => setTimeout(resolve, 20));
  return seen[what];
}

// As web/src/ui/shots.ts does it.
async function decode(photo, step) {
  const bytes = Uint8Array.from(atob(photo), (letter) => letter.charCodeAt(0));
  const image = new Image();
  image.src = URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
  const begin = performance.now();
  await image.decode();
  const [width, height] = [Math.ceil(image.naturalWidth / step), Math.ceil(image.naturalHeight / step)];
  const pen = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  pen.imageSmoothingQuality = "high";
  pen.drawImage(image, 0, 0, width, height);
  const pixels = pen.getImageData(0, 0, width, height);
  URL.revokeObjectURL(image.src);
  return { pixels, took: performance.now() - begin };
}

const kept = []; // pixels of the photos

// Decode the photos once; gives the time of each.
async function keep({ photos, step }) {
  const times = [];
  for (const photo of photos) {
    const { pixels, took } = await decode(photo, step);
    kept.push(pixels);
    times.push(took);
  }
  return times;
}

function ask(request) {
  const id = -1 - Math.floor(Math.random() * 2 ** 40); // never one of the page's own
  return new Promise((resolve) => {
    const heard = ({ data }) => {
      if (data.id !== id) return;
      seen.worker.removeEventListener("message", heard);
      resolve(data.answer);
    };
    seen.worker.addEventListener("message", heard);
    seen.worker.postMessage({ ...request, id });
  });
}

async function timed(task) {
  const begin = performance.now();
  const answer = await task();
  return [performance.now() - begin, answer];
}

// One photo through the page's own worker: all at once; then as the page does it, the gate when the photo comes and
// the network when the result is asked for; then with other answers.
async function clinic({ n, info }) {
  const pixels = kept[n];
  const [screen, screening] = await timed(() => ask({ kind: "screen", shots: [{ pixels }], info }));
  const shot = { pixels, sha256: crypto.randomUUID() };
  const [gate] = await timed(() => ask({ kind: "quality", shot }));
  const [after] = await timed(() => ask({ kind: "screen", shots: [shot], info }));
  const [reweigh] = await timed(() => ask({ kind: "reweigh", info }));
  return { screen, gate, after, reweigh, judged: screening?.probability };
}

// MobileNetV3-Large as in Howard et al. 2019 (arXiv:1905.02244), table 1: kernel, expansion, output, squeeze and
// excite, h-swish, stride. Batch normalisation is folded into the weights, as a converter does.
const ROWS = [
  [3, 16, 16, 0, 0, 1], [3, 64, 24, 0, 0, 2], [3, 72, 24, 0, 0, 1], [5, 72, 40, 1, 0, 2], [5, 120, 40, 1, 0, 1],
  [5, 120, 40, 1, 0, 1], [3, 240, 80, 0, 1, 2], [3, 200, 80, 0, 1, 1], [3, 184, 80, 0, 1, 1], [3, 184, 80, 0, 1, 1],
  [3, 480, 112, 1, 1, 1], [3, 672, 112, 1, 1, 1], [5, 672, 160, 1, 1, 2], [5, 960, 160, 1, 1, 1],
  [5, 960, 160, 1, 1, 1],
];

function network(classes) {
  let [parameters, channels] = [0, 3];
  const weights = (shape, fan) => {
    parameters += shape.reduce((a, b) => a * b, 1);
    return tf.keep(tf.randomNormal(shape, 0, Math.sqrt(2 / fan)));
  };
  const act = (x, kind) => {
    if (kind === "swish") return tf.mul(x, tf.mul(tf.relu6(tf.add(x, 3)), 1 / 6));
    return kind === "sigmoid" ? tf.mul(tf.relu6(tf.add(x, 3)), 1 / 6) : x;
  };
  const fused = (kind) => (kind === "relu" ? "relu" : "linear");
  const conv = (size, to, kind, strides = 1, from = channels) => {
    const [filter, bias] = [weights([size, size, from, to], size * size * from), weights([to], to)];
    channels = to;
    const given = { filter, bias, strides, pad: "same", activation: fused(kind) };
    return (x) => act(tf.fused.conv2d({ x, ...given }), kind);
  };
  const depthwise = (size, kind, strides) => {
    const [filter, bias] = [weights([size, size, channels, 1], size * size), weights([channels], channels)];
    const given = { filter, bias, strides, pad: "same", activation: fused(kind) };
    return (x) => act(tf.fused.depthwiseConv2d({ x, ...given }), kind);
  };
  const squeeze = () => {
    const whole = channels;
    const [less, more] = [conv(1, Math.ceil(whole / 32) * 8, "relu"), conv(1, whole, "sigmoid")];
    return (x) => tf.mul(x, more(less(tf.mean(x, [1, 2], true))));
  };
  const block = ([size, wide, to, excite, swish, stride]) => {
    const [from, kind] = [channels, swish ? "swish" : "relu"];
    const steps = [
      ...(wide === from ? [] : [conv(1, wide, kind)]),
      depthwise(size, kind, stride), ...(excite ? [squeeze()] : []), conv(1, to, "linear"),
    ];
    const through = (x) => steps.reduce((y, step) => step(y), x);
    return stride === 1 && from === to ? (x) => tf.add(x, through(x)) : through;
  };
  const steps = [
    conv(3, 16, "swish", 2), ...ROWS.map(block), conv(1, 960, "swish"),
    (x) => tf.mean(x, [1, 2], true), conv(1, 1280, "swish"), conv(1, classes, "linear"),
  ];
  return { parameters: () => parameters, run: (x) => steps.reduce((y, step) => step(y), x) };
}

async function openPeer({ backend, classes }) {
  if (backend === "wasm") {
    tf.wasm.setWasmPaths("./");
    tf.wasm.setThreadsCount(1);
  }
  if (!(await tf.setBackend(backend))) return null;
  globalThis.peerNetwork = network(classes);
  return { parameters: peerNetwork.parameters(), version: tf.version_core, simd: await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT").catch(() => null) };
}

// One photo through TensorFlow.js, on the page's own thread, which spares it the way to a worker.
async function peer({ n }) {
  const [took, shares] = await timed(async () => {
    const out = tf.tidy(() => {
      const small = tf.image.resizeBilinear(tf.browser.fromPixels(kept[n]), [224, 224]);
      return tf.softmax(tf.reshape(peerNetwork.run(tf.expandDims(tf.sub(tf.mul(small, 1 / 127.5), 1))), [-1]));
    });
    const shares = await out.data();
    out.dispose();
    return shares;
  });
  return { took, judged: shares[0] };
}

Object.assign(globalThis, { watch, noted, keep, clinic, openPeer, peer }); // an init script has a scope of its own
