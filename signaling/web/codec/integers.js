/**
 * Integer arithmetic that JavaScript lacks: `%` there keeps the sign of its left side, and `Math.round` rounds halves
 * up.
 *
 * Must not import anything. Invariant: exact for integers below 2**53.
 */

/**
 * `value` modulo `turn`, 0 to turn - 1 also for negative values (Python's `%`).
 * @param {number} value
 * @param {number} turn
 */
export function modulo(value, turn) {
  const rest = value % turn;
  return rest < 0 ? rest + turn : rest;
}

/**
 * `value` within low..high.
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
export function clamp(value, low, high) {
  return value < low ? low : value > high ? high : value;
}

/**
 * The nearest integer to a number that is not negative, halves to the even one (Python's `round`).
 * @param {number} value
 */
export function roundHalfEven(value) {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}
