/**
 * One page on screen: `element` goes into the outlet, `close` ends whatever it started.
 * @typedef {{element: HTMLElement, title: string, close: () => void}} View
 * @typedef {{pattern: RegExp, open: (...parts: string[]) => View}} Route
 */

/** Views of one document by URL (History API), so that the connection and the camera outlive a change of page. */
export class Router {
  /** @type {View | null} */
  #view = null;
  #path = "";

  /**
   * @param {HTMLElement} outlet
   * @param {Route[]} routes
   * @param {(path: string) => string} settle where to be instead of `path`, by the server's truth; `path` itself when right
   */
  constructor(outlet, routes, settle) {
    this.outlet = outlet;
    this.routes = routes;
    this.settle = settle;
    this.siteTitle = document.title.slice(document.title.lastIndexOf("·"));
  }

  get path() {
    return this.#path;
  }

  start() {
    addEventListener("popstate", () => this.#show(location.pathname, "stay"));
    document.addEventListener("click", event => this.#clicked(event));
    this.#show(location.pathname, "stay");
  }

  /** @param {string} path @param {{replace?: boolean}} [options] */
  go(path, { replace = false } = {}) {
    this.#show(path, replace ? "replace" : "push");
  }

  /** What the server said may have moved us. */
  check() {
    const wanted = this.settle(this.#path);
    if (wanted !== this.#path) this.#show(wanted, "replace");
  }

  /** Opens the same page anew. */
  again() {
    this.#open(this.#path);
  }

  /** @param {string} title */
  setTitle(title) {
    document.title = `${title} ${this.siteTitle}`;
  }

  /** @param {string} asked @param {"push" | "replace" | "stay"} how */
  #show(asked, how) {
    const path = this.settle(asked);
    const first = this.#view === null;
    if (path === this.#path && !first) {
      // 「后退」 out of a consultation changes nothing, so the address must not change either.
      if (location.pathname !== path) history.replaceState(null, "", path);
      return;
    }
    if (how === "push") history.pushState(null, "", path);
    else if (how === "replace" || path !== asked) history.replaceState(null, "", path);
    this.#open(path);
    if (!first) this.#arrive();
  }

  /** @param {string} path */
  #open(path) {
    this.#view?.close();
    this.#path = path;
    for (const { pattern, open } of this.routes) {
      const match = pattern.exec(path);
      if (!match) continue;
      this.#view = open(...match.slice(1));
      this.outlet.replaceChildren(this.#view.element);
      this.setTitle(this.#view.title);
      return;
    }
    location.assign(path);
  }

  /** Like a new page: from the top, and a screen reader hears where it is. */
  #arrive() {
    scrollTo(0, 0);
    const title = this.outlet.querySelector("h1");
    if (!(title instanceof HTMLElement) || this.outlet.contains(document.activeElement)) return;
    title.tabIndex = -1;
    title.focus();
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
    if (!(link instanceof HTMLAnchorElement) || link.origin !== location.origin || link.target) return;
    if (!this.routes.some(({ pattern }) => pattern.test(link.pathname))) return;
    if (link.hash && link.pathname === location.pathname) return;
    event.preventDefault();
    this.go(link.pathname);
    if (link.hash) document.querySelector(link.hash)?.scrollIntoView();
  }
}
