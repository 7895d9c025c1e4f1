/**
 * Picture arithmetic on interleaved RGB bytes: cuts, resizing, and turned regions, with the results of OpenCV (sender/crop.py,
 * sender/face/roi.py).
 *
 * Must not import anything. Invariant: plain numbers in, plain numbers out; no canvas, whose scaling differs from
 * browser to browser and would move every landmark.
 */

/**
 * channels: bytes a pixel, of which the first three are red, green, blue.
 * @typedef {Readonly<{data: Uint8Array | Uint8ClampedArray, width: number, height: number, channels: number}>} Picture
 */
/**
 * A square in picture pixels; it may reach past the picture, where edges are repeated.
 * @typedef {Readonly<{xPx: number, yPx: number, sidePx: number}>} Crop
 */

/**
 * A square of a picture at side x side pixels, 3 bytes each; one of exactly that size is copied pixel for pixel.
 * @param {Picture} picture
 * @param {Crop} crop
 * @param {number} side
 */
export function cut(picture, crop, side) {
  const { data, width, height, channels } = picture;
  const { xPx, yPx, sidePx } = crop;
  const inside = xPx >= 0 && yPx >= 0 && xPx + sidePx <= width && yPx + sidePx <= height;
  if (inside && sidePx > side) return shrunk({ data, width, channels, xPx, yPx }, sidePx, sidePx, side);
  const square = repeated(picture, crop);
  return sidePx === side ? square : resized(square, sidePx, sidePx, side);
}

/** The pixels of a square, 3 bytes each, with the picture's edges repeated. @param {Picture} picture @param {Crop} crop */
function repeated({ data, width, height, channels }, { xPx, yPx, sidePx }) {
  const square = new Uint8ClampedArray(sidePx * sidePx * 3);
  for (let y = 0; y < sidePx; y += 1) {
    const row = Math.min(Math.max(yPx + y, 0), height - 1) * width;
    for (let x = 0; x < sidePx; x += 1) {
      const from = (row + Math.min(Math.max(xPx + x, 0), width - 1)) * channels;
      const to = (y * sidePx + x) * 3;
      square[to] = data[from];
      square[to + 1] = data[from + 1];
      square[to + 2] = data[from + 2];
    }
  }
  return square;
}

/**
 * A picture (3 bytes a pixel) at side x side pixels: means over the area that each pixel covers (INTER_AREA), or, where
 * it is smaller than that, interpolated (INTER_LINEAR).
 * @param {Uint8Array | Uint8ClampedArray} rgb
 * @param {number} width
 * @param {number} height
 * @param {number} side
 */
export function resized(rgb, width, height, side) {
  if (width < side || height < side) return linearResized(rgb, width, height, side);
  return shrunk({ data: rgb, width, channels: 3, xPx: 0, yPx: 0 }, width, height, side);
}

/**
 * A part of a picture that lies in it whole, from (xPx, yPx) on.
 * @typedef {Readonly<{data: Uint8Array | Uint8ClampedArray, width: number, channels: number, xPx: number, yPx: number}>} Part
 */

/**
 * One target row after the other: the source rows that it covers become one, which is then made narrower. In between there is that
 * one row only, which takes half the time of a whole picture in between.
 * @param {Part} part
 * @param {number} width
 * @param {number} height Of the part.
 * @param {number} side
 */
function shrunk(part, width, height, side) {
  const { data, channels, xPx, yPx } = part;
  const { starts, counts, weights, most } = areaWeights(height, side);
  const columns = areaWeights(width, side);
  const row = new Float64Array(width * channels);
  const small = new Uint8ClampedArray(side * side * 3);
  for (let y = 0; y < side; y += 1) {
    row.fill(0);
    for (let i = 0; i < counts[y]; i += 1) {
      const weight = weights[y * most + i];
      const from = ((yPx + starts[y] + i) * part.width + xPx) * channels;
      for (let x = 0; x < row.length; x += 1) row[x] += weight * data[from + x];
    }
    narrow(row, channels, columns, small, y * side * 3);
  }
  return small;
}

/**
 * A row of pixels at fewer, of which the first three channels are kept.
 * @param {Float64Array} row
 * @param {number} channels
 * @param {AreaWeights} columns
 * @param {Uint8ClampedArray} into
 * @param {number} to
 */
function narrow(row, channels, { starts, counts, weights, most }, into, to) {
  for (let x = 0; x < starts.length; x += 1) {
    let at = starts[x] * channels;
    let red = 0;
    let green = 0;
    let blue = 0;
    for (let i = x * most; i < x * most + counts[x]; i += 1) {
      const weight = weights[i];
      red += weight * row[at];
      green += weight * row[at + 1];
      blue += weight * row[at + 2];
      at += channels;
    }
    into[to + 3 * x] = red;
    into[to + 3 * x + 1] = green;
    into[to + 3 * x + 2] = blue;
  }
}

/**
 * Which source pixels each target pixel covers, and how much of each: counts[n] weights from n * most on, of pixels from
 * starts[n] on.
 * @typedef {Readonly<{starts: Int32Array, counts: Int32Array, weights: Float64Array, most: number}>} AreaWeights
 */

/**
 * @param {number} from
 * @param {number} to
 * @returns {AreaWeights}
 */
function areaWeights(from, to) {
  const scale = from / to;
  const most = Math.ceil(scale) + 1;
  const starts = new Int32Array(to);
  const counts = new Int32Array(to);
  const weights = new Float64Array(to * most);
  for (let place = 0; place < to; place += 1) {
    const low = place * scale;
    const high = Math.min(low + scale, from);
    const start = Math.floor(low);
    starts[place] = start;
    counts[place] = Math.min(Math.ceil(high - 1e-9), from) - start;
    for (let i = 0; i < counts[place]; i += 1) {
      const covered = Math.min(start + i + 1, high) - Math.max(start + i, low);
      weights[place * most + i] = covered / (high - low);
    }
  }
  return { starts, counts, weights, most };
}

/**
 * Interpolated enlarging (INTER_LINEAR): pixel centres map to pixel centres, edges are repeated.
 * @param {Uint8Array | Uint8ClampedArray} rgb
 * @param {number} width
 * @param {number} height
 * @param {number} side
 */
function linearResized(rgb, width, height, side) {
  const result = new Uint8ClampedArray(side * side * 3);
  const [stepX, stepY] = [width / side, height / side];
  for (let y = 0; y < side; y += 1) {
    for (let x = 0; x < side; x += 1) {
      const to = (y * side + x) * 3;
      sample(rgb, 3, width, height, (x + 0.5) * stepX - 0.5, (y + 0.5) * stepY - 0.5, result, to, 1, 0);
    }
  }
  return result;
}

/**
 * A region as network input, side x side x 3, each value v * scale + shift; outside the picture its edge is repeated,
 * or there is black. matrix: (a, b, c, d, e, f), source x = a x + b y + c, y = d x + e y + f (INTER_LINEAR).
 * @param {Picture} picture
 * @param {readonly number[]} matrix
 * @param {number} side
 * @param {Readonly<{scale: number, shift: number, black?: boolean}>} range
 */
export function warped({ data, width, height, channels }, [a, b, c, d, e, f], side, { scale, shift, black = false }) {
  const tensor = new Float32Array(side * side * 3);
  for (let y = 0; y < side; y += 1) {
    for (let x = 0; x < side; x += 1) {
      const to = (y * side + x) * 3;
      const fromX = a * x + b * y + c;
      const fromY = d * x + e * y + f;
      if (black) sampleBlack(data, channels, width, height, fromX, fromY, tensor, to, scale, shift);
      else if (fromX >= 0 && fromY >= 0 && fromX < width - 1 && fromY < height - 1) {
        // `sample` without the edges, in place: nearly all of what the tracker looks at, and half of its time otherwise.
        const left = Math.floor(fromX);
        const top = Math.floor(fromY);
        const partX = fromX - left;
        const partY = fromY - top;
        const above = (top * width + left) * channels;
        const below = above + width * channels;
        for (let channel = 0; channel < 3; channel += 1) {
          const high = data[above + channel] + (data[above + channels + channel] - data[above + channel]) * partX;
          const low = data[below + channel] + (data[below + channels + channel] - data[below + channel]) * partX;
          tensor[to + channel] = (high + (low - high) * partY) * scale + shift;
        }
      } else sample(data, channels, width, height, fromX, fromY, tensor, to, scale, shift);
    }
  }
  return tensor;
}

/**
 * The colour at a place between pixels, edges repeated.
 * @param {ArrayLike<number>} data
 * @param {number} channels
 * @param {number} width
 * @param {number} height
 * @param {number} x
 * @param {number} y
 * @param {{[at: number]: number}} into
 * @param {number} to
 * @param {number} scale
 * @param {number} shift
 */
function sample(data, channels, width, height, x, y, into, to, scale, shift) {
  const left = Math.floor(x);
  const top = Math.floor(y);
  const partX = x - left;
  const partY = y - top;
  const x0 = left < 0 ? 0 : left >= width ? width - 1 : left;
  const x1 = left + 1 < 0 ? 0 : left + 1 >= width ? width - 1 : left + 1;
  const y0 = (top < 0 ? 0 : top >= height ? height - 1 : top) * width;
  const y1 = (top + 1 < 0 ? 0 : top + 1 >= height ? height - 1 : top + 1) * width;
  const p00 = (y0 + x0) * channels;
  const p01 = (y0 + x1) * channels;
  const p10 = (y1 + x0) * channels;
  const p11 = (y1 + x1) * channels;
  for (let channel = 0; channel < 3; channel += 1) {
    const above = data[p00 + channel] + (data[p01 + channel] - data[p00 + channel]) * partX;
    const below = data[p10 + channel] + (data[p11 + channel] - data[p10 + channel]) * partX;
    into[to + channel] = (above + (below - above) * partY) * scale + shift;
  }
}

/**
 * As `sample`, but black outside the picture.
 * @param {ArrayLike<number>} data
 * @param {number} channels
 * @param {number} width
 * @param {number} height
 * @param {number} x
 * @param {number} y
 * @param {{[at: number]: number}} into
 * @param {number} to
 * @param {number} scale
 * @param {number} shift
 */
function sampleBlack(data, channels, width, height, x, y, into, to, scale, shift) {
  const left = Math.floor(x);
  const top = Math.floor(y);
  const partX = x - left;
  const partY = y - top;
  for (let channel = 0; channel < 3; channel += 1) {
    let sum = 0;
    for (let corner = 0; corner < 4; corner += 1) {
      const column = left + (corner & 1);
      const row = top + (corner >> 1);
      if (column < 0 || row < 0 || column >= width || row >= height) continue;
      const weight = (corner & 1 ? partX : 1 - partX) * (corner >> 1 ? partY : 1 - partY);
      sum += weight * data[(row * width + column) * channels + channel];
    }
    into[to + channel] = sum * scale + shift;
  }
}
