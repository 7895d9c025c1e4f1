/**
 * What lets this tab join its room again, after a loss or a reload: a token that is always one ahead.
 *
 *     token that admitted --exchange--> spare --every half hour--> spare --joins again--> exchange --> ...
 *
 * Must not touch the page. Invariant: of each token one exchange is under way at most, because the service gives one only.
 */

import { keepSpare, renewed, spareInvitation } from "./invitation.js";

/** @import { Invitation } from "./peer.js" */

/** Tokens live an hour (SIGNALING_PAGE_TOKEN_S), calls longer. */
const RENEW_MS = 30 * 60 * 1000;
/** Between tries, where the service cannot be reached. */
const TRIES_MS = [0, 1000, 5000, 20_000, 60_000];

/** Of this tab. */
export class Spare {
  #invitation = spareInvitation();
  /** The token whose exchange was begun last. */
  #exchanged = "";

  constructor() {
    setInterval(() => {
      if (this.#invitation !== null && this.#exchanged !== "") void this.#exchange(this.#invitation);
    }, RENEW_MS);
  }

  /** For joining again; null: there is none. */
  get invitation() {
    return this.#invitation;
  }

  /**
   * Exchange the invitation that this end was just let in with.
   * @param {Invitation} used
   */
  async keep(used) {
    if (this.#exchanged === used.token) return;
    if (this.#invitation?.token === used.token) this.#set(null); // it admitted, and does not again
    await this.#exchange(used);
  }

  /** @param {Invitation} used */
  async #exchange(used) {
    this.#exchanged = used.token;
    for (const waitMs of TRIES_MS) {
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      if (this.#exchanged !== used.token) return;
      try {
        const fresh = await renewed(used);
        if (fresh !== null && this.#exchanged === used.token) this.#set(fresh);
        return;
      } catch {
        // out of reach, or busy: once more
      }
    }
  }

  /** @param {Invitation | null} invitation */
  #set(invitation) {
    this.#invitation = invitation;
    keepSpare(invitation);
  }
}
