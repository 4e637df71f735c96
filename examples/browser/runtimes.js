// The two runtimes: each takes a file and gives a function from an input to {values, dims}.

const MODULES = "/node_modules";

/** ONNX Runtime, compiled to WebAssembly. */
export async function openOnnx(url) {
  const ort = await import(`${MODULES}/onnxruntime-web/dist/ort.wasm.min.mjs`);
  ort.env.wasm.wasmPaths = `${MODULES}/onnxruntime-web/dist/`;
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(url);
  const run = async (values, [rows, columns]) => {
    const input = new ort.Tensor("float32", values, [1, 3, rows, columns]);
    const output = (await session.run({ [session.inputNames[0]]: input }))[session.outputNames[0]];
    return { values: output.data, dims: output.dims };
  };
  return { run, channelsLast: false, name: `onnxruntime-web ${ort.env.versions.web}` };
}

/** TensorFlow.js, compiled to WebAssembly. Its graphs have their channels last. */
export async function openTfjs(url) {
  await script(`${MODULES}/@tensorflow/tfjs/dist/tf.min.js`);
  await script(`${MODULES}/@tensorflow/tfjs-backend-wasm/dist/tf-backend-wasm.min.js`);
  const tf = window.tf;
  tf.wasm.setWasmPaths(`${MODULES}/@tensorflow/tfjs-backend-wasm/dist/`);
  await tf.setBackend(new URLSearchParams(location.search).get("backend") ?? "wasm");
  await tf.ready();
  const model = await tf.loadGraphModel(`${url.replace(/\/$/, "")}/model.json`);
  const channelsLast = model.inputs[0].shape[3] === 3;
  const run = async (values, [rows, columns]) => {
    const input = tf.tensor(values, channelsLast ? [1, rows, columns, 3] : [1, 3, rows, columns]);
    const outputs = [model.execute(input)].flat();
    const output = outputs.find((one) => one.shape.length === 3); // the other one: prototypes of masks
    return { values: await output.data(), dims: output.shape };
  };
  return { run, channelsLast, name: `TensorFlow.js ${tf.version.tfjs} (${tf.getBackend()})` };
}

function script(url) {
  return new Promise((done, failed) => {
    const element = Object.assign(document.createElement("script"), { src: url, onload: done, onerror: failed });
    document.head.append(element);
  });
}
