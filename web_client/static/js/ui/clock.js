/** Seconds on screen that run on by themselves between two words of the server. */

/**
 * Calls `show` now and every second with the whole seconds since `from_ms` (performance.now()).
 * @param {number} from_ms @param {(seconds: number) => void} show @returns {() => void} stops it
 */
export function countUp(from_ms, show) {
  const step = () => show(Math.max(0, Math.floor((performance.now() - from_ms) / 1000)));
  step();
  const timer = setInterval(step, 1000);
  return () => clearInterval(timer);
}

/**
 * Calls `show` now and every quarter of a second with the seconds left, rounded up, until they are over.
 * @param {number} seconds @param {(left: number) => void} show @returns {() => void} stops it
 */
export function countDown(seconds, show) {
  const until = performance.now() + seconds * 1000;
  const step = () => {
    const left = Math.max(0, Math.ceil((until - performance.now()) / 1000));
    show(left);
    if (left === 0) clearInterval(timer);
  };
  const timer = setInterval(step, 250);
  step();
  return () => clearInterval(timer);
}
