/**
 * One connection to the other end: a room of the signaling service, an RTCPeerConnection with the two data channels of
 * PROTOCOL.md, and what they report.
 *
 * Must not know what messages on the channels mean. Invariant: descriptions cross by perfect negotiation, so that both
 * ends may offer at any time; nothing larger than MESSAGE_MAX_BYTES leaves or enters; queued `rt` data is bounded.
 */

import { MESSAGE_MAX_BYTES, RT_OUTBOX_MAX_BYTES, SDP_MAX_CANDIDATES } from "../call/limits.js";
import { fingerprintsOf, sameCertificates } from "./fingerprints.js";
import { parse } from "./signalingMessages.js";
import { Tracks } from "./tracks.js";

/** @import { Fingerprints } from "../call/authentication.js" */
/** @import { IceServer, ToService } from "./signalingMessages.js" */

/**
 * What a connection tells the page. joined: in the room; peerPresent: somebody is there already. open: both channels
 * are; fingerprints: of their DTLS, null where the browser does not tell for sure. lost: there is no connection any more, or none
 * came about (wasOpen). refused: the service said no, with its code. ordinary: tracks were agreed upon; the other end's come
 * in the stream.
 * @typedef {Readonly<{joined: (peerPresent: boolean) => void, peerJoined: () => void, peerLeft: () => void,
 *   open: (fingerprints: Fingerprints | null) => void, lost: (wasOpen: boolean) => void, refused: (code: string) => void,
 *   serviceGone: () => void, message: (data: ArrayBuffer) => void,
 *   ordinary: (stream: MediaStream) => void}>} PeerEvents
 */
/**
 * Where to meet. token: admits once.
 * @typedef {Readonly<{room: string, role: string, token: string}>} Invitation
 */

/** A connection that is "disconnected" for this long counts as lost; it often comes back by itself. */
const DISCONNECTED_MS = 5000;

/** See the top of the file. */
export class Peer {
  #events;
  #standing;
  #socket;
  #invitation;
  /** @type {RTCPeerConnection | null} */
  #connection = null;
  /** @type {Record<"rt" | "ctl", RTCDataChannel> | null} */
  #channels = null;
  /** @type {Tracks | null} */
  #tracks = null;
  /** @type {readonly IceServer[]} */
  #iceServers = [];
  #polite = false;
  #makingOffer = false;
  #ignoreOffer = false;
  #remoteCandidates = 0;
  #open = false;
  #closed = false;
  /** @type {Promise<void>} Done once `open` was told: messages of the other end wait for it. */
  #told = Promise.resolve();
  /** @type {Promise<void>} Messages of the service are taken one after the other. */
  #queue = Promise.resolve();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #patience;

  /**
   * @param {string} url Of the service's WebSocket.
   * @param {Invitation} invitation
   * @param {PeerEvents} events
   * @param {Readonly<{media: MediaStream | null}> | null} standing What this end gives to whoever offers it tracks; null:
   *   see `allowTracks`.
   */
  constructor(url, invitation, events, standing) {
    this.#events = events;
    this.#standing = standing;
    this.#invitation = invitation;
    this.#socket = new WebSocket(url);
    this.#socket.onopen = () => this.#tell({ type: "join", ...this.#invitation });
    this.#socket.onclose = () => {
      if (!this.#closed) events.serviceGone();
    };
    this.#socket.onmessage = ({ data }) => {
      this.#queue = this.#queue.then(() => this.#take(data)).catch((error) => console.warn("signaling:", error.name));
    };
  }

  /**
   * Send a message to the other end; `rt` data is dropped where it would queue.
   * @param {"rt" | "ctl"} channel
   * @param {Uint8Array} data
   */
  send(channel, data) {
    const found = this.#channels?.[channel];
    if (found === undefined || found.readyState !== "open" || data.length > MESSAGE_MAX_BYTES) return;
    if (channel === "rt" && found.bufferedAmount + data.length > RT_OUTBOX_MAX_BYTES) return;
    found.send(/** @type {Uint8Array<ArrayBuffer>} */ (data));
  }

  /**
   * Make this connection an ordinary call. (The next one begins without: somebody else may be there.)
   * @param {MediaStream | null} media What this end gives.
   */
  offerTracks(media) {
    this.#tracks?.allow(media);
    this.#tracks?.offer();
  }

  /** Whether this end gives way when both begin something at once. */
  get polite() {
    return this.#polite;
  }

  /** Whether both channels are open. */
  get isOpen() {
    return this.#open;
  }

  /**
   * Bytes and packets of the path in use, both ways, as ICE counts them; null without a connection.
   * @returns {Promise<{sentBytes: number, sentPackets: number, gotBytes: number, gotPackets: number,
   *   rttMs: number | null} | null>}
   */
  async counters() {
    if (this.#connection === null) return null;
    const report = await this.#connection.getStats();
    const pairs = [...report.values()].filter((entry) => entry.type === "candidate-pair" && entry.nominated);
    if (!pairs.length) return null;
    const sum = (/** @type {string} */ name) => pairs.reduce((total, pair) => total + (pair[name] ?? 0), 0);
    const rtt = pairs.at(-1)?.currentRoundTripTime;
    return {
      sentBytes: sum("bytesSent"),
      sentPackets: sum("packetsSent"),
      gotBytes: sum("bytesReceived"),
      gotPackets: sum("packetsReceived"),
      rttMs: rtt === undefined ? null : rtt * 1000,
    };
  }

  /** Leave the room and end the connection. */
  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#tell({ type: "bye", reason: "hung up" });
    this.#socket.close();
    this.#drop();
  }

  /** @param {ToService} message */
  #tell(message) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  /** @param {unknown} frame */
  async #take(frame) {
    const message = parse(frame);
    switch (message.type) {
      case "joined":
        this.#iceServers = message.ice_servers;
        this.#polite = message.polite;
        this.#events.joined(message.peer_present);
        if (message.peer_present) this.#connect();
        break;
      case "peer-joined":
        // The newcomer will offer; whoever was here before is gone.
        this.#drop();
        this.#events.peerJoined();
        break;
      case "offer":
      case "answer":
        await this.#describe(message.type, message.sdp);
        break;
      case "candidate":
        await this.#addCandidate(message.candidate, message.mid, message.line_index);
        break;
      case "peer-left":
        this.#events.peerLeft();
        break;
      case "error":
        this.#events.refused(message.code);
        break;
      case "bye":
        this.#events.serviceGone();
        break;
    }
  }

  /** A connection that makes its offer as soon as it can (the channels ask for one). */
  #connect() {
    const iceServers = this.#iceServers.map(({ urls, username, credential }) =>
      username ? { urls: [...urls], username, credential } : { urls: [...urls] },
    );
    // Tracks, should there be any, share the channels' transport and with it their certificates.
    const connection = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
    this.#connection = connection;
    this.#tracks = new Tracks(connection, this.#standing);
    connection.onnegotiationneeded = () => {
      this.#makingOffer = true;
      this.#describeSelf(connection).finally(() => (this.#makingOffer = false));
    };
    connection.onicecandidate = ({ candidate }) => {
      if (candidate === null) return;
      const { sdpMid, sdpMLineIndex } = candidate;
      const place = { mid: sdpMid ?? "0", line_index: sdpMLineIndex ?? 0 };
      this.#tell({ type: "candidate", candidate: candidate.candidate, ...place });
    };
    connection.onconnectionstatechange = () => this.#watch(connection);
    this.#channels = {
      rt: this.#channel("rt", { negotiated: true, id: 0, ordered: false, maxRetransmits: 0 }),
      ctl: this.#channel("ctl", { negotiated: true, id: 1, ordered: true }),
    };
    return connection;
  }

  /** @param {"rt" | "ctl"} label @param {RTCDataChannelInit} options */
  #channel(label, options) {
    const connection = /** @type {RTCPeerConnection} */ (this.#connection);
    const channel = connection.createDataChannel(label, options);
    channel.binaryType = "arraybuffer";
    channel.onopen = () => this.#opened();
    channel.onclose = () => this.#lose(connection);
    channel.onmessage = ({ data }) => {
      if (!(data instanceof ArrayBuffer) || data.byteLength > MESSAGE_MAX_BYTES) return;
      void this.#told.then(() => this.#events.message(data));
    };
    return channel;
  }

  #opened() {
    const both = this.#channels && Object.values(this.#channels).every((channel) => channel.readyState === "open");
    const connection = this.#connection;
    if (!both || this.#open || connection === null) return;
    this.#open = true;
    const known = fingerprintsOf(connection).catch(() => null);
    this.#told = known.then((fingerprints) => {
      if (connection === this.#connection) this.#events.open(fingerprints);
    });
  }

  /** @param {RTCPeerConnection} connection */
  async #describeSelf(connection) {
    await connection.setLocalDescription();
    const local = connection.localDescription;
    if (local !== null && (local.type === "offer" || local.type === "answer")) {
      this.#tell({ type: local.type, sdp: local.sdp });
    }
  }

  /**
   * Perfect negotiation (W3C WebRTC, section 10.7).
   * @param {"offer" | "answer"} type
   * @param {string} sdp
   */
  async #describe(type, sdp) {
    if (type === "answer" && this.#connection === null) return;
    const connection = this.#connection ?? this.#connect();
    const collision = type === "offer" && (this.#makingOffer || connection.signalingState !== "stable");
    this.#ignoreOffer = !this.#polite && collision;
    if (this.#ignoreOffer) return;
    if (this.#open && !sameCertificates(sdp, connection.remoteDescription?.sdp ?? "")) {
      this.#lose(connection); // somebody else, or the same anew: not the connection whose number was compared
      return;
    }
    await connection.setRemoteDescription({ type, sdp });
    if (type === "offer") {
      await this.#tracks?.answer();
      await this.#describeSelf(connection);
    }
    if (connection === this.#connection && this.#tracks?.agreed()) this.#events.ordinary(this.#tracks.stream);
  }

  /** @param {string} candidate @param {string} sdpMid @param {number} sdpMLineIndex */
  async #addCandidate(candidate, sdpMid, sdpMLineIndex) {
    this.#remoteCandidates += 1;
    if (this.#connection === null || this.#remoteCandidates > SDP_MAX_CANDIDATES) return;
    try {
      await this.#connection.addIceCandidate({ candidate, sdpMid, sdpMLineIndex });
    } catch (error) {
      if (!this.#ignoreOffer) throw error;
    }
  }

  /** @param {RTCPeerConnection} connection */
  #watch(connection) {
    clearTimeout(this.#patience);
    if (connection.connectionState === "failed") this.#lose(connection);
    else if (connection.connectionState === "disconnected") {
      this.#patience = setTimeout(() => this.#lose(connection), DISCONNECTED_MS);
    }
  }

  /** @param {RTCPeerConnection} connection */
  #lose(connection) {
    if (connection !== this.#connection || this.#closed) return;
    const wasOpen = this.#open;
    this.#drop();
    this.#events.lost(wasOpen);
  }

  #drop() {
    clearTimeout(this.#patience);
    const connection = this.#connection;
    this.#connection = null;
    this.#channels = null;
    this.#tracks = null;
    this.#open = false;
    this.#makingOffer = false;
    this.#remoteCandidates = 0;
    connection?.close();
  }
}
