/**
 * The steps, ranges and probability tables of the bitstream, from the text of shared/coding/motion_tables.json.
 *
 * Must not fetch anything: the text is handed in. Invariant: both ends of a call use the same file (`identity` says
 * which); everything in it that the coder computes with is an integer. The fields: shared/coding/README.md, section 3.
 */

import { canonicalJson } from "./canonicalJson.js";
import { FacewireError, UserError } from "./errors.js";
import { MOTION_SYMBOL_MAX } from "./limits.js";
import { ANCHOR_SYMBOLS, SHAPE_SYMBOLS, SYMBOLS } from "./motionLayout.js";
import { BIT_PROBABILITY_MIN, BIT_RATE_MAX, CDF_TOTAL } from "./rangeCoder.js";
import { TABLE_SYMBOLS } from "./valueCode.js";

/** @import { LadderRung } from "./valueCode.js" */

const TABLES_FORMAT = 1;
const MASK_CONTEXTS = 16;
const LOW_BITS_MAX = 5;

/**
 * How `size` numbers become as many symbols. step: value = symbol * step. minimum, maximum: symbols outside are
 * clamped. absolute: rung of the ladder when a symbol is coded as it is.
 * @typedef {Readonly<{size: number, step: readonly number[], minimum: readonly number[], maximum: readonly number[],
 *   absolute: readonly number[]}>} SymbolPlan
 */

/**
 * How motion differences are coded. distanceLimits: upper end, in frames of 40 ms, of every distance class but the
 * last. rungs: 46 for each class. activityShifts: rungs added to all of a bundle, one per activity. activityCdf:
 * table of the activity. activityCosts: its price in 1/256 bit.
 * @typedef {Readonly<{distanceLimits: readonly number[], rungs: readonly (readonly number[])[],
 *   activityShifts: readonly number[], activityCdf: readonly number[], activityCosts: readonly number[]}>} DeltaPlan
 */

/**
 * Everything in one motion_tables.json. identity: 8 hex digits that differ when anything else in the file does. ladder:
 * the rungs, narrow to wide. mask: where the 16 mask contexts start.
 * @typedef {Readonly<{identity: string, ladder: readonly LadderRung[], motion: SymbolPlan, delta: DeltaPlan,
 *   shape: SymbolPlan, anchors: SymbolPlan,
 *   mask: Readonly<{probability: readonly number[], rate: number}>}>} CodingTables
 */

/**
 * Checked tables.
 * @param {string} text The whole file.
 * @returns {Promise<CodingTables>}
 * @throws {UserError} Naming the field that is missing or wrong.
 */
export async function parseTables(text) {
  try {
    const file = JSON.parse(text);
    check(file.format === TABLES_FORMAT, `format is not ${TABLES_FORMAT}`);
    check(file.identity === (await tableIdentity(text)), "they were changed after they were made");
    return tablesOf(file);
  } catch (error) {
    if (error instanceof FacewireError) throw error;
    throw broken(`a field is missing or of the wrong kind (${error})`);
  }
}

/**
 * First 8 hex digits of the SHA-256 of everything but the field `identity`.
 * @param {string} text
 */
async function tableIdentity(text) {
  const bytes = new TextEncoder().encode(canonicalJson(text, "identity"));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest.subarray(0, 4), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {any} file @returns {CodingTables} */
function tablesOf(file) {
  const ladder = ladderOf(file.ladder);
  return Object.freeze({
    identity: file.identity,
    ladder,
    motion: symbolPlan(file.motion, "motion", SYMBOLS, ladder.length),
    delta: deltaPlan(file.motion, ladder.length),
    shape: symbolPlan(file.shape, "shape", SHAPE_SYMBOLS, ladder.length),
    anchors: symbolPlan(file.anchors, "anchors", ANCHOR_SYMBOLS, ladder.length),
    mask: maskPlan(file.mask),
  });
}

/** @param {any[]} rows @returns {readonly LadderRung[]} */
function ladderOf(rows) {
  check(rows.length > 0, "the ladder is empty");
  return Object.freeze(
    rows.map((row) => {
      check(within(integers([row.low_bits], 1), 0, LOW_BITS_MAX), `low_bits is not 0..${LOW_BITS_MAX}`);
      const cost = integers(row.cost, TABLE_SYMBOLS);
      return Object.freeze({ cdf: cdfOf(row.cdf, TABLE_SYMBOLS), lowBits: row.low_bits, cost });
    }),
  );
}

/** @param {any} fields @param {string} name @param {number} size @param {number} rungs @returns {SymbolPlan} */
function symbolPlan(fields, name, size, rungs) {
  const step = Object.freeze(Array.from(fields.step, Number));
  const steps = step.length === size && step.every((one) => Number.isFinite(one) && one > 0);
  check(steps, `${name}.step is not ${size} steps`);
  const minimum = integers(fields.minimum, size);
  const maximum = integers(fields.maximum, size);
  const bounded = within(minimum, -MOTION_SYMBOL_MAX, 0) && within(maximum, 0, MOTION_SYMBOL_MAX);
  check(bounded, `${name} has a range beyond ${MOTION_SYMBOL_MAX} or without 0`);
  return Object.freeze({ size, step, minimum, maximum, absolute: rungIndices(fields.absolute, size, rungs) });
}

/** @param {any} fields @param {number} rungs @returns {DeltaPlan} */
function deltaPlan(fields, rungs) {
  const limits = integers(fields.distance_limits, fields.distance_limits.length);
  check(rises([0, ...limits]), "distance_limits do not rise");
  check(fields.delta.length === limits.length + 1, `motion.delta is not ${limits.length + 1} classes`);
  const activities = fields.activity_shifts.length;
  return Object.freeze({
    distanceLimits: limits,
    rungs: Object.freeze(fields.delta.map((/** @type {any} */ row) => rungIndices(row, SYMBOLS, rungs))),
    activityShifts: integers(fields.activity_shifts, activities),
    activityCdf: cdfOf(fields.activity_cdf, activities),
    activityCosts: integers(fields.activity_cost, activities),
  });
}

/** @param {any} fields */
function maskPlan(fields) {
  const probability = integers(fields.probability, MASK_CONTEXTS);
  const legal = within(probability, BIT_PROBABILITY_MIN, CDF_TOTAL - BIT_PROBABILITY_MIN);
  check(legal, "a mask probability is out of range");
  check(within(integers([fields.rate], 1), 1, BIT_RATE_MAX), "mask.rate is out of range");
  return Object.freeze({ probability, rate: fields.rate });
}

/** @param {any} values @param {number} size @returns {readonly number[]} */
function integers(values, size) {
  check(Array.isArray(values) && values.length === size, `expected ${size} integers`);
  check(values.every(Number.isSafeInteger), "a table of integers has something else in it");
  return Object.freeze(values.slice());
}

/** @param {any} values @param {number} size @param {number} rungs */
function rungIndices(values, size, rungs) {
  const indices = integers(values, size);
  check(within(indices, 0, rungs - 1), "a rung is not on the ladder");
  return indices;
}

/** @param {any} values @param {number} symbols */
function cdfOf(values, symbols) {
  const cdf = integers(values, symbols + 1);
  check(rises(cdf) && cdf[0] === 0 && cdf[symbols] === CDF_TOTAL, "a cdf does not rise from 0 to 32768");
  return cdf;
}

/** @param {readonly number[]} values */
function rises(values) {
  return values.every((value, i) => i === 0 || values[i - 1] < value);
}

/** @param {readonly number[]} values @param {number} low @param {number} high */
function within(values, low, high) {
  return values.every((value) => value >= low && value <= high);
}

/** @param {boolean} condition @param {string} what */
function check(condition, what) {
  if (!condition) throw broken(what);
}

/** @param {string} what */
function broken(what) {
  return new UserError(`The coding tables cannot be used: ${what}. Take them from the same release as this page.`);
}
