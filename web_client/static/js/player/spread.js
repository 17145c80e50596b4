// Keeps marks on a line apart, so that each can be pressed, as near to their places as that allows.

/**
 * @param {number[]} wanted places in px, ascending @param {number} width px of the line @param {number} apart px between neighbours
 * @returns {number[]} places in px, ascending, within the line
 */
export function spread(wanted, width, apart) {
  const room = wanted.length > 1 ? Math.min(apart, width / (wanted.length - 1)) : apart;
  const places = [...wanted];
  for (let n = 0; n < places.length; n += 1) places[n] = Math.max(places[n], n > 0 ? places[n - 1] + room : 0);
  for (let n = places.length - 1; n >= 0; n -= 1) places[n] = Math.min(places[n], n < places.length - 1 ? places[n + 1] - room : width);
  return places;
}
