/** A clock that moves only when told, and a WebSocket whose other end is the test. */

export class ManualTimers {
  #now = 0;
  #due = [];

  now = () => this.#now;

  after = (ms, act) => {
    const timer = { at: this.#now + ms, act };
    this.#due.push(timer);
    return timer;
  };

  cancel = timer => {
    this.#due = this.#due.filter(other => other !== timer);
  };

  /** Runs everything due within `ms`, in order, letting promises settle in between. */
  async pass(ms) {
    const end = this.#now + ms;
    for (;;) {
      await settled();
      const next = this.#due.filter(timer => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.cancel(next);
      this.#now = next.at;
      next.act();
    }
    this.#now = end;
    await settled();
  }
}

export const settled = () => new Promise(resolve => setImmediate(resolve));

export class FakeWebSocket {
  readyState = 0;
  sent = [];

  open() {
    this.readyState = 1;
    this.onopen?.();
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  say(message) {
    this.onmessage?.({ data: JSON.stringify({ v: 1, ...message }) });
  }

  /** The server ends the connection. */
  drop(code = 1006) {
    this.readyState = 3;
    this.onclose?.({ code });
  }

  close() {
    this.readyState = 3;
    this.closed = true;
  }

  get last() {
    return this.sent.at(-1);
  }
}

export class FakeStorage {
  #items = new Map();
  getItem = name => this.#items.get(name) ?? null;
  setItem = (name, value) => void this.#items.set(name, value);
  removeItem = name => void this.#items.delete(name);
  key = n => [...this.#items.keys()][n] ?? null;
  get length() {
    return this.#items.size;
  }
  get size() {
    return this.#items.size;
  }
}
