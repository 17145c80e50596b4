import { Emitter } from "./emitter.js";

/** @typedef {import("./format.js").LineSummary} LineSummary */
/** @typedef {import("./format.js").Estimate} Estimate */
/** @typedef {import("./format.js").RecordingState} RecordingState */
/**
 * @typedef {{id: string, visit_id: string, state: string, mode: "video" | "phone" | "callback", ticket: string, lawyer: {id: string, name: string} | null,
 *   entry: Entry | null}} ConsultationRef
 * @typedef {{id: string, state: string, position: number | null, ahead: string[], estimate: Estimate | null,
 *   waited_s: number, callback_offered: boolean}} Entry
 * @typedef {{id: string, name: string, role: "clerk" | "lawyer", present: "joined" | "reconnecting" | "left", muted: boolean,
 *   camera_on: boolean, document_on: boolean, screen_on: boolean, quality: string | null, quality_reason: string | null}} Participant
 * @typedef {{consultation_id: string, state: string, started_at: string | null, you: string, participants: Participant[],
 *   recording: RecordingState, visitor: any, category_name: string, street: {id: string, name: string, phone: string}}} Room
 * @typedef {{state: string, since_at: string, missed: number, protected_until: string | null}} Presence
 * @typedef {{offer_id: string, consultation_id: string, mode: string, street: any, category: string, category_name: string, groups: string[],
 *   facts: string, opposing_party: string, recording_consent: string, first_visit: boolean, expires_at: string,
 *   seconds: number, total_s: number}} Offer
 * @typedef {{position: number, street: any, category_name: string, groups: string[], waited_s: number}} LineRow
 */

/**
 * The latest word of the server on everything this workspace shows. Emits the name of what has changed; `state` after a
 * hello, when all of it may have.
 * @extends {Emitter<{state: null, line: null, consultation: null, presence: null, offer: null, room: null,
 *   offer_ended: {offer_id: string, cause: string}, notice: {code: string, text: string}}>}
 */
export class Live extends Emitter {
  /** Whether a `state` event has come since the page opened. */
  known = false;
  /** @type {LineSummary | null} */
  line = null;
  /** @type {LineRow[] | null} */
  rows = null;
  /** @type {ConsultationRef | null} */
  consultation = null;
  /** @type {Presence | null} */
  presence = null;
  /** @type {Offer | null} */
  offer = null;
  /** @type {Room | null} */
  room = null;

  /** @param {any} event of PROTOCOL.md; media, chat and points are not kept here */
  apply(event) {
    switch (event.type) {
      case "state": return this.#all(event);
      case "line": return this.#line(event);
      case "consultation": return this.#set("consultation", event.consultation);
      case "presence": return this.#set("presence", event.presence);
      case "offer": return this.#set("offer", event.offer);
      case "room": return this.#set("room", event.room);
      case "offer.ended": return this.#offerEnded(event);
      case "notice": return this.emit("notice", event);
    }
  }

  /** @param {any} event */
  #all(event) {
    this.known = true;
    this.line = event.line ?? this.line;
    this.consultation = event.consultation ?? null;
    this.presence = event.presence ?? null;
    this.offer = event.offer ?? null;
    this.room = event.room ?? null;
    this.emit("state", null);
  }

  /** @param {any} event */
  #line(event) {
    this.line = event.line;
    if (event.rows) this.rows = event.rows;
    this.emit("line", null);
  }

  /** @param {{offer_id: string, cause: string}} event */
  #offerEnded(event) {
    if (this.offer?.offer_id === event.offer_id) this.offer = null;
    this.emit("offer_ended", event);
  }

  /**
   * @template {"consultation" | "presence" | "offer" | "room"} K
   * @param {K} name @param {this[K]} value
   */
  #set(name, value) {
    this[name] = value;
    this.emit(name, null);
  }
}
