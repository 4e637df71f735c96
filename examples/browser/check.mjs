// node check.mjs FOLDER MODEL [SCREENSHOT.png]: runs MODEL (a name in FOLDER) in headless Chromium on the picture there,
// and compares the keypoints with expected.json. FOLDER is what prepare.py wrote, with the exported file in it.
// Variables: CHROMIUM, the browser (/usr/bin/chromium); MODULES, the folder node_modules (that beside this file).

import { createServer } from "node:http";
import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";
import { dirname, extname, join, normalize, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const TOLERANCE = 1; // pixels of the picture
const TYPES = {
  ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".json": "application/json",
  ".wasm": "application/wasm", ".jpg": "image/jpeg", ".png": "image/png",
};
const here = dirname(fileURLToPath(import.meta.url));
const [folder, model, shot] = process.argv.slice(2);
if (!folder || !model) {
  console.error("node check.mjs FOLDER MODEL [SCREENSHOT.png]");
  process.exit(2);
}
const modules = resolve(process.env.MODULES ?? join(here, "node_modules"));
const roots = { "/node_modules/": modules, "/files/": resolve(folder), "/": here };

const server = createServer(async (request, response) => {
  const path = normalize(decodeURIComponent(new URL(request.url, "http://localhost").pathname));
  const root = Object.keys(roots).find((one) => path.startsWith(one));
  try {
    const file = join(roots[root], path.slice(root.length) || "index.html");
    const data = await readFile(file);
    response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream" }).end(data);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));

const require = createRequire(pathToFileURL(join(modules, "any.js")));
const { launch } = await import(pathToFileURL(require.resolve("puppeteer-core")));
const browser = await launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
  protocolTimeout: 600_000,
});
let failed = true;
try {
  const facts = JSON.parse(await readFile(join(folder, "facts.json")));
  const expected = JSON.parse(await readFile(join(folder, "expected.json")));
  const page = await browser.newPage();
  page.on("pageerror", (error) => console.error(error.message));
  await page.setViewport({ width: 800, height: 800 });
  const asked = new URLSearchParams({
    model: `files/${model}`, facts: "files/facts.json", picture: `files/${expected.picture}`,
  });
  await page.goto(`http://127.0.0.1:${server.address().port}/?${asked}`);
  await page.waitForFunction("window.result", { timeout: 600_000 });
  const result = await page.evaluate("window.result");
  if (shot) await page.screenshot({ path: shot, fullPage: true });
  if (result.error) throw new Error(result.error);
  console.log(result.text);
  failed = !compare(result.poses, expected.poses, facts);
} catch (error) {
  console.error(error.message);
} finally {
  await browser.close();
  server.close();
}
process.exit(failed ? 1 : 0);

/** Tell whether the poses are as many as expected, each with its keypoints within the tolerance. */
function compare(poses, expected, facts) {
  if (poses.length !== expected.length) {
    console.error(`${poses.length} found, ${expected.length} expected`);
    return false;
  }
  let largest = 0;
  let score = 0;
  for (const one of expected) {
    const distance = (other) => Math.max(...one.keypoints.map((point, k) => far(point, other.keypoints[k])));
    const nearest = poses.reduce((best, other) => (distance(other) < distance(best) ? other : best));
    largest = Math.max(largest, distance(nearest));
    score = Math.max(score, Math.abs(one.score - nearest.score));
  }
  console.log(`keypoints of ${facts.model} within ${largest.toFixed(4)} px, scores within ${score.toFixed(5)}`);
  return largest <= TOLERANCE;
}

function far(point, other) {
  return Math.max(Math.abs(point[0] - other[0]), Math.abs(point[1] - other[1]));
}
