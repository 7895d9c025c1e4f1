/**
 * Real numbers to symbols and back: uniform steps, rounded half up, clamped (shared/coding/quantiser.py).
 *
 * Must import errors and the tables' types only. Invariant: `quantise` raises on numbers that are not finite,
 * `dequantise` always returns finite numbers inside the plan's range; both compute in doubles, as Python does.
 */

import { UserError } from "./errors.js";
import { clamp } from "./integers.js";

/** @import { SymbolPlan } from "./tables.js" */

/** How far past the border of its step, in steps, a number may go before its symbol leaves the previous one. */
const HYSTERESIS = 0.3;

/**
 * Symbols of as many values: floor(value / step + 0.5), clamped to the plan's range.
 * @param {ArrayLike<number>} values
 * @param {SymbolPlan} plan
 * @param {Int16Array | null} previous Symbols of the frame before, relative to the same keyframe: kept where the
 *   value is still within 0.5 + HYSTERESIS steps of them. Only the sender knows about it.
 * @throws {UserError} NaN, infinities, or not as many values as the plan has.
 */
export function quantise(values, plan, previous = null) {
  const { size, step, minimum, maximum } = plan;
  if (values.length !== size) throw new UserError(`Cannot quantise ${values.length} numbers: there must be ${size}.`);
  const symbols = new Int16Array(size);
  for (let i = 0; i < size; i += 1) {
    const scaled = values[i] / step[i];
    if (!Number.isFinite(values[i])) {
      throw new UserError("Cannot quantise numbers that are NaN or infinite: the face model failed. Skip this frame.");
    }
    const keeps = previous !== null && Math.abs(scaled - previous[i]) < 0.5 + HYSTERESIS;
    symbols[i] = clamp(keeps ? previous[i] : Math.floor(scaled + 0.5), minimum[i], maximum[i]);
  }
  return symbols;
}

/**
 * Values of as many symbols, which are clamped to the plan's range first.
 * @param {Int16Array} symbols
 * @param {SymbolPlan} plan
 */
export function dequantise(symbols, plan) {
  const values = new Float32Array(plan.size);
  for (let i = 0; i < plan.size; i += 1) {
    values[i] = clamp(symbols[i], plan.minimum[i], plan.maximum[i]) * plan.step[i];
  }
  return values;
}

/**
 * The same symbols, when they can be coded.
 * @param {Int16Array} symbols
 * @param {SymbolPlan} plan
 * @throws {UserError} They are not as many as the plan has, or leave its range.
 */
export function checkedSymbols(symbols, plan) {
  if (symbols.length !== plan.size) {
    throw new UserError(`Expected ${plan.size} symbols, got ${symbols.length}. Use the quantiser.`);
  }
  if (symbols.some((symbol, i) => symbol < plan.minimum[i] || symbol > plan.maximum[i])) {
    throw new UserError("Symbols outside the range of the coding tables cannot be coded. Use the quantiser.");
  }
  return symbols;
}
