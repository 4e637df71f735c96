// From a picture to the input of an exported file, and from its outputs to poses. No library is needed here.
// Facts are those that the file says of itself: imgsz [H, W], names, kpt_shape [K, D], layout, unit.

/** Return where a picture of w x h pixels lies in the input: its size there, the padding before it, the gain per axis. */
export function place(w, h, [rows, columns]) {
  const gain = Math.min(rows / h, columns / w);
  const width = Math.max(roundEven(w * gain), 1);
  const height = Math.max(roundEven(h * gain), 1);
  const left = Math.round((columns - width) / 2 - 0.1); // an odd pixel goes to the right, and below
  const top = Math.round((rows - height) / 2 - 0.1);
  return { width, height, left, top, gainX: width / w, gainY: height / h };
}

/** Round as Python does: from .5 to the even number. */
function roundEven(value) {
  const below = Math.floor(value);
  return value - below === 0.5 ? below + (below % 2) : Math.round(value);
}

/** Return the input of a picture (ImageData): RGB in 0 ... 1, grey around it, channels first or last. */
export function letterbox(image, facts, channelsLast = false) {
  const [rows, columns] = facts.imgsz;
  const placed = place(image.width, image.height, facts.imgsz);
  const values = new Float32Array(3 * rows * columns).fill(114 / 255);
  const put = channelsLast
    ? (channel, y, x, value) => (values[(y * columns + x) * 3 + channel] = value)
    : (channel, y, x, value) => (values[(channel * rows + y) * columns + x] = value);
  for (let y = 0; y < placed.height; y++) {
    const [y0, y1, shareY] = between(y, placed.height, image.height);
    for (let x = 0; x < placed.width; x++) {
      const [x0, x1, shareX] = between(x, placed.width, image.width);
      for (let channel = 0; channel < 3; channel++) {
        const at = (row, column) => image.data[(row * image.width + column) * 4 + channel];
        const above = at(y0, x0) * (1 - shareX) + at(y0, x1) * shareX;
        const below = at(y1, x0) * (1 - shareX) + at(y1, x1) * shareX;
        const value = Math.round(above * (1 - shareY) + below * shareY) / 255;
        put(channel, y + placed.top, x + placed.left, value);
      }
    }
  }
  return { values, placed };
}

/** Bilinear: return the two pixels of `old` that pixel i of `size` lies between, and the share of the second. */
function between(i, size, old) {
  const place = Math.min(Math.max(((i + 0.5) * old) / size - 0.5, 0), old - 1);
  const first = Math.floor(place);
  return [first, Math.min(first + 1, old - 1), place - first];
}

/**
 * Return the detections in an output, best first, in pixels of the picture.
 * dense: (1, 4 + nc + K * D, A), a column per prediction; rows: (1, N, 6 + K * D), chosen in the file.
 */
export function decode(values, dims, facts, placed, picture, conf = 0.25, iou = 0.7) {
  const [points, parts] = facts.kpt_shape;
  const classes = Object.keys(facts.names).length;
  const [rows, columns] = facts.unit === "fractions" ? facts.imgsz : [1, 1];
  const found = [];
  const dense = facts.layout === "dense";
  const count = dense ? dims[2] : dims[1];
  for (let i = 0; i < count; i++) {
    const at = dense ? (channel) => values[channel * count + i] : (channel) => values[i * dims[2] + channel];
    let [label, score] = dense ? [0, at(4)] : [at(5), at(4)];
    for (let other = 1; dense && other < classes; other++) {
      if (at(4 + other) > score) [label, score] = [other, at(4 + other)];
    }
    if (!(score > conf)) continue;
    const [a, b, c, d] = [at(0) * columns, at(1) * rows, at(2) * columns, at(3) * rows];
    const box = dense ? [a - c / 2, b - d / 2, a + c / 2, b + d / 2] : [a, b, c, d];
    const first = dense ? 4 + classes : 6;
    const keypoints = [];
    for (let k = 0; k < points; k++) {
      const start = first + k * parts;
      keypoints.push([at(start) * columns, at(start + 1) * rows, parts > 2 ? at(start + 2) : 1]);
    }
    found.push({ box, score, label, keypoints });
  }
  const kept = dense ? suppress(found, iou) : found;
  return kept.map((one) => toPicture(one, placed, picture));
}

/** Return what greedy suppression leaves: the best, and what overlaps no better one of its class too much. */
export function suppress(found, iou) {
  const kept = [];
  for (const one of [...found].sort((first, second) => second.score - first.score)) {
    if (kept.every((other) => other.label !== one.label || overlap(other.box, one.box) <= iou)) kept.push(one);
  }
  return kept;
}

function overlap(one, other) {
  const width = Math.min(one[2], other[2]) - Math.max(one[0], other[0]);
  const height = Math.min(one[3], other[3]) - Math.max(one[1], other[1]);
  const shared = Math.max(width, 0) * Math.max(height, 0);
  const area = (box) => (box[2] - box[0]) * (box[3] - box[1]);
  return shared / (area(one) + area(other) - shared);
}

function toPicture(one, placed, picture) {
  const x = (value) => Math.min(Math.max((value - placed.left) / placed.gainX, 0), picture.width);
  const y = (value) => Math.min(Math.max((value - placed.top) / placed.gainY, 0), picture.height);
  const [left, top, right, bottom] = one.box;
  const keypoints = one.keypoints.map(([a, b, seen]) => [x(a), y(b), seen]);
  return { ...one, box: [x(left), y(top), x(right), y(bottom)], keypoints };
}
