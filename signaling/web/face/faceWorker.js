/**
 * The worker that watches the camera: pictures in, motion and keyframes out; the crop is drawn for the person to see.
 *
 * Must not import state machines of the call. Invariant: the newest picture wins; nothing leaves the page unless a call
 * has given a port; the camera switched off, no picture is looked at.
 */

import { nowUs } from "../call/clock.js";
import { loadCoding } from "../call/coding.js";
import { GALLERY_SIZE, KEYFRAME_PART_PAYLOAD_BYTES, PICTURE_SIZE_PX, PICTURE_STEP_MS } from "../call/limits.js";
import { dequantiseMotion } from "../codec/motionCode.js";
import { PictureState } from "../codec/due.js";
import { KeyframeFormat } from "../codec/frames.js";
import { readManifest } from "../render/engine.js";
import { openCameraNetworks } from "./cameraNetworks.js";
import { CameraPixels } from "./cameraPixels.js";
import { KeyframeEncoder } from "./keyframeEncoder.js";
import { KeyframeKind } from "./keyframePolicy.js";
import { MotionEncoder } from "./motionEncoder.js";
import { Pace } from "./pace.js";
import { FacePipeline } from "./pipeline.js";
import { FaceTracker } from "./tracker.js";

/** @import { Keyframe, MotionFrame } from "../codec/frames.js" */
/** @import { Picture } from "./image.js" */
/** @import { Device } from "../render/engine.js" */
/** @import { ReferenceCode } from "./motionEncoder.js" */
/** @import { Draft, Motion, Processed } from "./pipeline.js" */
/** @import { Reference } from "./referenceChoice.js" */
/** @import { SenderState } from "../call/session.js" */

const SIDE = PICTURE_SIZE_PX;
/** A little more than Python's sender spends: the browsers' encoders are made for speed (1 dB worse at 2048 bytes). */
const KEYFRAME_BYTES = 2560;
/** With shape, anchors, mask and checksums (69 to 75 bytes) the first one fits one part, one packet. */
const FIRST_BYTES = KEYFRAME_PART_PAYLOAD_BYTES - 90;
const KEYFRAME_IDS = 256;
const REPORT_INTERVAL_MS = 500;
/**
 * Nobody sees more than this without a call, where it costs the battery only, or before the other end has a keyframe: the processors
 * are for what the first picture needs then.
 */
const UNSEEN_STEP_MS = 120;
/**
 * While the first reference is on its way there is nothing that motion could move: a second one, and most pictures, would take from it
 * both processor and link. Unless it does not arrive.
 */
const FIRST_STEP_MS = 240;
const FIRST_ALONE_MS = 1500;
/** @type {Readonly<SenderState & {session: number}>} No connection yet. */
const NOBODY = Object.freeze({ session: 0, usableKeyframeIds: [], wish: false, spare: false, moves: true });
const REHEARSAL = Object.freeze({ calling: true, requested: false, free: true, spare: false });

/** A camera, and whoever wants to see what it sees. */
class FaceWorker {
  #coding;
  #pipeline;
  #coder;
  #encoder = new KeyframeEncoder();
  #pixels = new CameraPixels();
  #pace = new Pace();
  /** @type {OffscreenCanvasRenderingContext2D | null} */
  #self = null;
  /** @type {MessagePort | null} */
  #call = null;
  /** @type {MessagePort | null} */
  #mirror = null;
  #startUs = 0;
  /** @type {SenderState & {session: number}} */
  #sender = NOBODY;
  /** Raised for every connection of every call: what was begun for an earlier one is for nobody. */
  #era = 0;
  /** @type {Map<number, {reference: Reference, keyframe: Keyframe}>} */
  #references = new Map();
  #nextId = 0;
  #building = false;
  #rehearsed = false;
  #requested = false;
  #off = false;
  #lastMs = -1;
  #reportMs = 0;
  #times = { total: 0, pictures: 0 };
  #seen = { state: "waiting", faces: 0 };

  /**
   * @param {import("../call/coding.js").Coding} coding
   * @param {FacePipeline} pipeline
   * @param {MotionEncoder} coder
   */
  constructor(coding, pipeline, coder) {
    this.#coding = coding;
    this.#pipeline = pipeline;
    this.#coder = coder;
  }

  /** @param {ReadableStream<VideoFrame>} readable */
  async watch(readable) {
    const reader = readable.getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      const mediaMs = this.#gridMs();
      if (this.#off || mediaMs - this.#lastMs < this.#stepMs) {
        next.value.close();
        continue;
      }
      this.#lastMs = mediaMs;
      const startMs = performance.now();
      await this.#look(await this.#pixels.of(next.value), mediaMs);
      const spentMs = performance.now() - startMs;
      if (this.#call !== null) this.#pace.spent(spentMs);
      this.#report(spentMs);
    }
  }

  /** From one picture that is looked at to the next. */
  get #stepMs() {
    const seen = this.#call !== null && this.#sender.usableKeyframeIds.length > 0;
    if (seen) return this.#pace.stepMs;
    return this.#firstIsUnderWay ? FIRST_STEP_MS : UNSEEN_STEP_MS;
  }

  /** Whether the other end has no reference yet, and gets its first one. */
  get #firstIsUnderWay() {
    if (this.#references.size !== 1 || this.#sender.usableKeyframeIds.length) return false;
    const [{ keyframe }] = this.#references.values();
    return this.#gridMs() - keyframe.mediaMs < FIRST_ALONE_MS;
  }

  /** @param {any} message Of the page. */
  take(message) {
    if (message.type === "call") this.#begin(message.port, message.startUs);
    else if (message.type === "canvas") this.#show(message.canvas);
    else if (message.type === "off") this.#off = message.off;
    else if (message.type === "reference") this.#requested = true;
    else if (message.type === "mirror") {
      this.#mirror = message.port;
      for (const { keyframe } of this.#references.values()) this.#reflect(keyframe);
    }
  }

  /** @param {MessagePort | null} port @param {number} startUs */
  #begin(port, startUs) {
    this.#call = port;
    this.#startUs = startUs;
    this.#lastMs = -1;
    this.#sender = NOBODY;
    this.#beginAnew();
    if (port !== null) port.onmessage = ({ data }) => this.#follow(data);
  }

  /** @param {OffscreenCanvas} canvas */
  #show(canvas) {
    canvas.width = SIDE;
    canvas.height = SIDE;
    this.#self = canvas.getContext("2d", { alpha: false });
  }

  /** @param {SenderState & {session: number}} state Of the call. */
  #follow(state) {
    if (state.session !== this.#sender.session) this.#beginAnew();
    this.#sender = { ...state, wish: this.#sender.wish || state.wish };
  }

  /** Whoever is there now has nothing of what was made before. */
  #beginAnew() {
    this.#era += 1;
    this.#references.clear();
    this.#pipeline.restart();
  }

  /** What motion may be coded against, oldest first: keyframes that are usable, or the first one while it is on its way. */
  get #usable() {
    const held = this.#sender.usableKeyframeIds;
    const ids = held.length ? held : [...this.#references.keys()].slice(-1);
    return ids.flatMap((keyframeId) => this.#references.get(keyframeId)?.reference ?? []);
  }

  /** Times on a grid of 40 ms, so that motion can be predicted. */
  #gridMs() {
    return Math.round((nowUs() - this.#startUs) / 1000 / PICTURE_STEP_MS) * PICTURE_STEP_MS;
  }

  /** @param {Picture} picture @param {number} mediaMs */
  async #look(picture, mediaMs) {
    const { session, moves } = this.#sender;
    const era = this.#era;
    const delivering = this.#delivering;
    const requested = this.#takeWish(delivering);
    if (this.#call === null && !this.#rehearsed) await this.#rehearse(picture, mediaMs);
    const calling = this.#call !== null && session > 0;
    // On the voice rung, where nothing moves, the first keyframe is enough unless somebody asks.
    const free = !this.#building && !this.#firstIsUnderWay && (moves || requested || !this.#references.size);
    const spare = this.#sender.spare && !delivering;
    const done = await this.#pipeline.process(picture, mediaMs, this.#usable, { calling, requested, free, spare });
    this.#draw(done);
    if (era !== this.#era) return;
    if (done.motion !== null) this.#send(session, mediaMs, done.motion);
    if (done.draft === null || this.#building) return;
    // The network runs here, one thing after the other; the picture is coded beside the pictures that follow.
    const code = await this.#coder.makeReference(done.draft.view);
    if (era === this.#era) void this.#build(era, session, done.draft, code);
  }

  /**
   * All that a call's first picture needs is done once while the person still looks at the preview: networks and encoder are warm
   * then, and the encoder knows which quantiser fits.
   * @param {Picture} picture
   * @param {number} mediaMs
   */
  async #rehearse(picture, mediaMs) {
    const { draft } = await this.#pipeline.process(picture, mediaMs, [], REHEARSAL);
    this.#pipeline.restart();
    if (draft === null) return;
    this.#rehearsed = true;
    await this.#coder.makeReference(draft.view);
    await this.#encoder.encode(draft.view.rgb, FIRST_BYTES);
  }

  /** Whether a keyframe is under way: the receiver repeats its wish until it has one. */
  get #delivering() {
    const newest = [...this.#references.keys()].at(-1);
    return this.#building || (newest !== undefined && !this.#sender.usableKeyframeIds.includes(newest));
  }

  /** @param {boolean} delivering */
  #takeWish(delivering) {
    const requested = this.#requested || (this.#sender.wish && !delivering);
    this.#requested = false;
    this.#sender = { ...this.#sender, wish: false };
    return requested;
  }

  /** @param {number} session @param {number} mediaMs @param {Motion} motion */
  #send(session, mediaMs, { keyframeId, symbols }) {
    /** @type {MotionFrame} */
    const frame = { mediaMs, keyframeId, symbols };
    this.#call?.postMessage({ type: "motion", session, frame });
    if (this.#mirror === null) return;
    const values = dequantiseMotion(symbols, this.#coding.tables);
    const due = { mediaMs, dueUs: nowUs(), state: PictureState.FRESH, keyframeId, values, poseAgeMs: 0, voiceShare: 0 };
    this.#mirror.postMessage({ type: "show", due });
  }

  /** Whoever sees what the other side sees keeps the same references. @param {Keyframe} keyframe */
  #reflect(keyframe) {
    this.#mirror?.postMessage({ type: "keyframe", keyframe });
  }

  /** @param {number} era @param {number} session @param {Draft} draft @param {ReferenceCode} code */
  async #build(era, session, { mediaMs, crop, view, kind }, code) {
    this.#building = true;
    const keyframeId = this.#nextId;
    this.#nextId = (keyframeId + 1) % KEYFRAME_IDS;
    try {
      const image = await this.#encoder.encode(view.rgb, kind === KeyframeKind.FIRST ? FIRST_BYTES : KEYFRAME_BYTES);
      const { shape, anchors, mask } = code;
      const size = { format: KeyframeFormat.AV1, widthPx: SIDE, heightPx: SIDE };
      /** @type {Keyframe} */
      const keyframe = { keyframeId, mediaMs, ...size, image, shape, anchors, mask };
      if (era !== this.#era) return;
      const provisional = kind === KeyframeKind.FIRST;
      this.#references.set(keyframeId, { reference: { keyframeId, crop, code, provisional }, keyframe });
      const oldest = this.#references.keys().next();
      if (this.#references.size > GALLERY_SIZE && !oldest.done) this.#references.delete(oldest.value);
      this.#call?.postMessage({ type: "keyframe", session, keyframe });
      this.#reflect(keyframe);
    } catch (error) {
      postMessage({ type: "broken", message: String(error instanceof Error ? error.message : error) });
    } finally {
      this.#building = false;
    }
  }

  /** @param {Processed} done */
  #draw({ rgb, state, faces }) {
    this.#seen = { state, faces };
    if (this.#self === null || rgb === null) return;
    const pixels = this.#self.createImageData(SIDE, SIDE);
    for (let at = 0; at < SIDE * SIDE; at += 1) {
      pixels.data[4 * at] = rgb[3 * at];
      pixels.data[4 * at + 1] = rgb[3 * at + 1];
      pixels.data[4 * at + 2] = rgb[3 * at + 2];
      pixels.data[4 * at + 3] = 255;
    }
    this.#self.putImageData(pixels, 0, 0);
  }

  /** @param {number} computeMs */
  #report(computeMs) {
    this.#times = { total: this.#times.total + computeMs, pictures: this.#times.pictures + 1 };
    const now = performance.now();
    if (now - this.#reportMs < REPORT_INTERVAL_MS) return;
    const { total, pictures } = this.#times;
    postMessage({ type: "face", ...this.#seen, meanMs: total / pictures, pictures });
    this.#times = { total: 0, pictures: 0 };
    this.#reportMs = now;
  }
}

/** @type {FaceWorker | null} */
let worker = null;
/** @type {any[]} What came before the networks were there. */
let early = [];

/** @param {ReadableStream<VideoFrame>} readable @param {number} threads Of the networks. @param {Device | null} device */
async function run(readable, threads, device) {
  const [coding, manifest] = await Promise.all([loadCoding(), readManifest()]);
  const { detector, mesh, segmentation, analyser } = await openCameraNetworks(manifest, threads, device);
  const coder = new MotionEncoder(analyser, coding);
  const made = new FaceWorker(coding, new FacePipeline(new FaceTracker(detector, mesh), segmentation, coder), coder);
  early.forEach((message) => made.take(message));
  early = [];
  worker = made;
  await made.watch(readable);
}

self.onmessage = ({ data }) => {
  if (data.type === "start") {
    run(data.readable, data.threads, data.device).catch((error) => postMessage({ type: "broken", message: String(error?.message ?? error) }));
  } else if (worker === null) early.push(data);
  else worker.take(data);
};
