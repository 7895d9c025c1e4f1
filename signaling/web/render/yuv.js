/**
 * 8-bit 4:2:0 to RGB and back, in the two matrices and two ranges that keyframes use (ITU-T H.273: BT.601 and BT.709).
 *
 * Must not import anything. Invariant: same formulas both ways; pictures agree with swscale's, which Python uses, to a
 * few levels (tests/web/call). RGB is interleaved, 3 bytes a pixel; planes are tightly packed, sides even.
 */

const BT709_MATRIX = 1;

/**
 * Luma weights and scales. matrix: matrix coefficients of a sequence header; whatever is not BT.709 is BT.601.
 * @param {number} matrix
 * @param {boolean} fullRange
 */
function coefficients(matrix, fullRange) {
  const [red, blue] = matrix === BT709_MATRIX ? [0.2126, 0.0722] : [0.299, 0.114];
  return {
    red,
    blue,
    green: 1 - red - blue,
    offset: fullRange ? 0 : 16,
    lumaScale: fullRange ? 1 : 219 / 255,
    chromaScale: fullRange ? 1 : 224 / 255,
  };
}

/**
 * RGB of three planes: y (width x height), u and v (half of both). Chroma is interpolated between its sites, which lie
 * at the left of each pair of columns and between the rows, as in MPEG-2.
 * @param {Readonly<{y: Uint8Array, u: Uint8Array, v: Uint8Array}>} planes
 * @param {number} width
 * @param {number} height
 * @param {number} matrix
 * @param {boolean} fullRange
 */
export function rgbFromYuv(planes, width, height, matrix, fullRange) {
  const { red, green, blue, offset, lumaScale, chromaScale } = coefficients(matrix, fullRange);
  const rgb = new Uint8ClampedArray(3 * width * height);
  const us = upsampled(planes.u, width, height);
  const vs = upsampled(planes.v, width, height);
  for (let at = 0; at < width * height; at += 1) {
    const y = (planes.y[at] - offset) / lumaScale;
    const cb = (us[at] - 128) / chromaScale;
    const cr = (vs[at] - 128) / chromaScale;
    rgb[3 * at] = y + 2 * (1 - red) * cr;
    rgb[3 * at + 1] = y - (2 * blue * (1 - blue) * cb + 2 * red * (1 - red) * cr) / green;
    rgb[3 * at + 2] = y + 2 * (1 - blue) * cb;
  }
  return rgb;
}

/**
 * A chroma plane at the size of luma.
 * @param {Uint8Array} plane
 * @param {number} width
 * @param {number} height
 */
function upsampled(plane, width, height) {
  const [columns, rows] = [width / 2, height / 2];
  const wide = new Float32Array(width * rows);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const here = plane[row * columns + column];
      const next = plane[row * columns + Math.min(column + 1, columns - 1)];
      wide[row * width + 2 * column] = here;
      wide[row * width + 2 * column + 1] = (here + next) / 2;
    }
  }
  const full = new Float32Array(width * height);
  for (let row = 0; row < rows; row += 1) {
    const above = Math.max(row - 1, 0) * width;
    const below = Math.min(row + 1, rows - 1) * width;
    for (let column = 0; column < width; column += 1) {
      const here = wide[row * width + column];
      full[2 * row * width + column] = 0.75 * here + 0.25 * wide[above + column];
      full[(2 * row + 1) * width + column] = 0.75 * here + 0.25 * wide[below + column];
    }
  }
  return full;
}

/**
 * The three planes of an RGB picture one behind the other, as VideoFrame takes them (I420).
 * @param {Uint8ClampedArray} rgb
 * @param {number} width Even.
 * @param {number} height Even.
 * @param {number} matrix
 * @param {boolean} fullRange
 */
export function yuvFromRgb(rgb, width, height, matrix, fullRange) {
  const { red, green, blue, offset, lumaScale, chromaScale } = coefficients(matrix, fullRange);
  const pixels = width * height;
  const planes = new Uint8ClampedArray(pixels * 1.5);
  const cb = new Float32Array(pixels);
  const cr = new Float32Array(pixels);
  for (let at = 0; at < pixels; at += 1) {
    const [r, g, b] = [rgb[3 * at], rgb[3 * at + 1], rgb[3 * at + 2]];
    const y = red * r + green * g + blue * b;
    planes[at] = offset + y * lumaScale;
    cb[at] = 128 + (chromaScale * (b - y)) / (2 * (1 - blue));
    cr[at] = 128 + (chromaScale * (r - y)) / (2 * (1 - red));
  }
  downsample(cb, width, height, planes.subarray(pixels, pixels * 1.25));
  downsample(cr, width, height, planes.subarray(pixels * 1.25));
  return planes;
}

/** @param {Float32Array} full @param {number} width @param {number} height @param {Uint8ClampedArray} into */
function downsample(full, width, height, into) {
  for (let row = 0; row < height; row += 2) {
    for (let column = 0; column < width; column += 2) {
      const at = row * width + column;
      const left = column ? -1 : 0;
      const sum = (/** @type {number} */ place) => full[place + left] + 2 * full[place] + full[place + 1];
      into[(row / 2) * (width / 2) + column / 2] = (sum(at) + sum(at + width)) / 8;
    }
  }
}
