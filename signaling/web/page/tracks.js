/**
 * Media tracks of an ordinary call, on the connection whose data channels are open already (page/ordinary.js says when).
 *
 * Must not know the page or the service. Invariant: until `allow` nothing of this end's camera and microphone is sent and
 * nothing of the other's is taken, whatever it offers; then one track of a kind each way.
 */

const KINDS = Object.freeze(["audio", "video"]);

/** The tracks of one connection. */
export class Tracks {
  #connection;
  #allowed;
  #offered = false;
  /** @type {MediaStream | null} */
  #media;
  /** What comes from the other end. */
  stream = new MediaStream();

  /**
   * @param {RTCPeerConnection} connection
   * @param {Readonly<{media: MediaStream | null}> | null} standing As if `allow` had been called with it; null: not.
   */
  constructor(connection, standing) {
    this.#connection = connection;
    this.#allowed = standing !== null;
    this.#media = standing?.media ?? null;
  }

  /**
   * From now on the other end's offer of tracks is taken and answered.
   * @param {MediaStream | null} media This end's; null: it only sees and hears.
   */
  allow(media) {
    this.#allowed = true;
    this.#media = media;
  }

  /** Offer tracks, once: the connection asks for its negotiation itself. */
  offer() {
    if (this.#offered) return;
    this.#offered = true;
    for (const kind of KINDS) {
      const track = this.#trackOf(kind);
      this.#connection.addTransceiver(track ?? kind, { direction: track ? "sendrecv" : "recvonly" });
    }
  }

  /** Say in the coming answer what is taken of an offer, and what is given for it. */
  async answer() {
    const taken = new Set();
    for (const transceiver of this.#connection.getTransceivers()) {
      const { kind } = transceiver.receiver.track;
      if (!this.#allowed || taken.has(kind)) transceiver.direction = "inactive";
      else {
        const track = this.#trackOf(kind);
        await transceiver.sender.replaceTrack(track);
        transceiver.direction = track ? "sendrecv" : "recvonly";
      }
      taken.add(kind);
    }
  }

  /** Whether tracks were negotiated by now; what comes is in `stream` then. */
  agreed() {
    const active = this.#connection
      .getTransceivers()
      .filter(({ currentDirection: direction }) => direction !== null && direction !== "inactive");
    for (const { receiver } of active) this.stream.addTrack(receiver.track);
    return this.#allowed && active.length > 0;
  }

  /** @param {string} kind */
  #trackOf(kind) {
    return this.#media?.getTracks().find((track) => track.kind === kind) ?? null;
  }
}
