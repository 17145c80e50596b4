// 「批注」: time-coded notes of this replay; deleting one can be undone for a moment.
import * as api from "../lib/api.js";
import { clock, t, tn } from "../lib/i18n.js";
import { all, byId, facts, icon, press, toast } from "../ui/shell.js";

/** @typedef {{id: string, at_s: number, text: string, by: string, made_at: string}} Note */

export class Notes {
  /**
   * @param {string} replayId
   * @param {{position: () => number, seek: (position: number) => void, changed: (notes: Note[]) => void}} player
   */
  constructor(replayId, player) {
    this.path = `/api/audit/replays/${replayId}/notes`;
    this.player = player;
    /** @type {Note[]} */
    this.notes = [];
    /** Time the note being written belongs to: where the writing began. @type {number | null} */
    this.at = null;
    this.key = api.newKey();
    const field = byId("note");
    field.addEventListener("focus", () => { this.at ??= player.position(); this.showAt(); });
    field.addEventListener("blur", () => { if (!field.value.trim()) { this.at = null; this.showAt(); } });
    byId("note-form").addEventListener("submit", (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      press(byId("note-go"), t("正在记"), () => this.write());
    });
  }

  async load() {
    try {
      const answer = await api.get(this.path);
      this.show(answer.items);
    } catch (error) {
      this.fail(error);
    }
  }

  async write() {
    const text = byId("note").value.trim();
    if (!text) {
      byId("note").focus();
      return;
    }
    try {
      const note = await api.post(this.path, { key: this.key, at_s: this.at ?? this.player.position(), text });
      this.key = api.newKey();
      this.at = null;
      byId("note").value = "";
      byId("note-failed").hidden = true;
      this.show([...this.notes, note]);
      this.showAt();
    } catch (error) {
      this.fail(error);
    }
  }

  /** @param {Note} note */
  async remove(note) {
    try {
      await api.del(`${this.path}/${encodeURIComponent(note.id)}`, { key: api.newKey() });
      this.show(this.notes.filter((n) => n.id !== note.id));
      toast(t("批注删了。"), { action: t("撤销"), onAction: () => this.restore(note) });
    } catch (error) {
      this.fail(error);
    }
  }

  /** @param {Note} note */
  async restore(note) {
    try {
      const again = await api.post(this.path, { key: api.newKey(), at_s: note.at_s, text: note.text });
      this.show([...this.notes, again]);
    } catch (error) {
      this.fail(error);
    }
  }

  /** @param {Note[]} notes */
  show(notes) {
    this.notes = [...notes].sort((a, b) => a.at_s - b.at_s);
    byId("notes").replaceChildren(...this.notes.map((note) => this.row(note)));
    byId("no-notes").hidden = this.notes.length > 0;
    byId("tab-notes").textContent = this.notes.length ? tn("批注 {n}", "批注 {n}", this.notes.length) : t("批注");
    this.player.changed(this.notes);
  }

  /** @param {Note} note */
  row(note) {
    const row = /** @type {HTMLElement} */ (byId("note-row").content.firstElementChild.cloneNode(true));
    const slot = (/** @type {string} */ name) => all(`[data-f="${name}"]`, row)[0];
    slot("jump").textContent = clock(note.at_s);
    slot("jump").addEventListener("click", () => this.player.seek(note.at_s));
    slot("text").textContent = note.text;
    const mine = note.by === facts.viewer?.name;
    slot("by").textContent = mine ? "" : note.by;
    if (!mine) slot("delete").remove();
    else {
      slot("delete").prepend(icon("x"));
      slot("delete").addEventListener("click", () => this.remove(note));
    }
    return row;
  }

  /** Where the next note goes; follows the player until somebody begins to write. */
  showAt() {
    byId("note-at").textContent = t("记在 {time}", { time: clock(this.at ?? this.player.position()) });
  }

  /** @param {unknown} error */
  fail(error) {
    if (!(error instanceof api.ApiError)) throw error;
    byId("note-failed-text").textContent = error.text;
    byId("note-failed").hidden = false;
  }
}
