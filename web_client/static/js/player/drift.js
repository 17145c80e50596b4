// How a track is brought back to the master clock: gently by its rate, or by a jump when it is far off.

/** Beyond this a jump is less noticeable than a correction that takes long (ITU-R BT.1359: −125/+45 ms are heard). */
export const JUMP_S = 0.3;
/** Within this nothing is done: currentTime itself is coarse. */
export const CLOSE_S = 0.02;
/** Rate changes of up to 5 % are not noticed with preserved pitch. */
export const MOST = 0.05;
/** A drift is to be gone in about this time. */
const WITHIN_S = 2;

/**
 * @param {number} drift seconds the track is ahead of the clock (negative: behind)
 * @param {number} rate the speed people chose
 * @returns {{jump: boolean, rate: number}} the playbackRate to set
 */
export function correction(drift, rate) {
  if (Math.abs(drift) > JUMP_S) return { jump: true, rate };
  if (Math.abs(drift) < CLOSE_S) return { jump: false, rate };
  const share = Math.min(MOST, Math.max(-MOST, drift / WITHIN_S));
  return { jump: false, rate: rate * (1 - share) };
}
