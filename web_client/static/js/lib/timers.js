/**
 * Time as the live modules see it, so that tests can drive it.
 * @typedef {{
 *   now: () => number,
 *   after: (ms: number, act: () => void) => unknown,
 *   cancel: (timer: unknown) => void,
 * }} Timers
 */

/** @type {Timers} milliseconds that never jump with the wall clock */
export const realTimers = {
  now: () => performance.now(),
  after: (ms, act) => setTimeout(act, ms),
  cancel: timer => clearTimeout(/** @type {number | undefined} */ (timer)),
};
