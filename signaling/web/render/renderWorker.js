/**
 * The worker that rebuilds pictures: keyframes and poses in, a canvas drawn.
 *
 * One picture waits at most and the newest wins (receiver/render_worker.py). Must not import state machines. Invariant:
 * every picture drawn carries the mark; what fails is told to the call, and the last picture stays.
 */

import { nowUs } from "../call/clock.js";
import { loadCoding } from "../call/coding.js";
import { GALLERY_SIZE, PICTURE_SIZE_PX } from "../call/limits.js";
import { PictureState } from "../codec/due.js";
import { RemoteError } from "../codec/errors.js";
import { motionVector } from "../codec/motionLayout.js";
import { resized } from "../face/image.js";
import { readManifest } from "./engine.js";
import { decodeKeyframePicture } from "./keyframePicture.js";
import { lipsOnly, VoiceMouth } from "./mouth.js";
import { Networks, TOO_SLOW_MS } from "./networks.js";
import { intoRgba } from "./renderer.js";
import { Mark, Screen } from "./screen.js";
import { atFullSize, SentPictures } from "./sentPictures.js";
import { VoiceAnchor } from "./voiceAnchor.js";
import { VoiceFeatures } from "./voiceFeatures.js";

/** @import { Keyframe } from "../codec/frames.js" */
/** @import { PictureDue } from "../codec/due.js" */
/** @import { DecodedPicture } from "./pictureShelf.js" */
/** @import { ReferenceState } from "./renderer.js" */

/** @import { Coding } from "../call/coding.js" */

const REPORT_EVERY = 25;
/** After the first reference is ready: a step of the pictures' grid, and the way there and back. */
const FIRST_PICTURE_WAIT_MS = 60;

class RenderWorker {
  #port;
  #screen;
  #networks;
  #ears;
  #lips;
  #mouth;
  #anchor = new VoiceAnchor();
  #sent = this.#sentPictures();
  /** What is on show if it was sent as it is. */
  #filmed = { picture: /** @type {DecodedPicture | null} */ (null), frozen: false };
  /** @type {Map<number, {keyframe: Keyframe, rgb: Uint8ClampedArray, state: ReferenceState}>} */
  #gallery = new Map();
  /** @type {PictureDue | null} */
  #waiting = null;
  /** @type {Keyframe[]} */
  #keyframes = [];
  #busy = false;
  /** Whether nobody of this connection was shown yet. */
  #blank = true;
  /** Whether the last thing done was a keyframe. */
  #prepared = false;
  /** @type {{state: ReferenceState, values: Float32Array, thumbnail: DecodedPicture | null} | null} */
  #last = null;
  #rgba = new Uint8ClampedArray(4 * PICTURE_SIZE_PX * PICTURE_SIZE_PX);
  /** @type {number[]} */
  #times = [];
  #dropped = 0;
  #shown = 0;

  /**
   * @param {OffscreenCanvas} canvas Where to draw.
   * @param {MessagePort} port Of the call.
   * @param {Coding} coding
   * @param {Networks} networks
   * @param {VoiceFeatures | null} ears
   */
  constructor(canvas, port, coding, networks, ears) {
    this.#port = port;
    this.#screen = new Screen(canvas);
    this.#networks = networks;
    this.#ears = ears;
    this.#lips = lipsOnly(coding.basis);
    this.#mouth = new VoiceMouth(this.#lips);
    this.#screen.wait();
    this.#port.onmessage = ({ data }) => this.#take(data);
  }

  /** The call is over. */
  leave() {
    this.#port.close();
    this.#reset();
  }

  /** @param {any} message */
  #take(message) {
    if (message.type === "show") {
      this.#dropped += this.#waiting === null ? 0 : 1;
      this.#waiting = message.due;
    } else if (message.type === "keyframe") {
      this.#keyframes = [...this.#keyframes.slice(1 - GALLERY_SIZE), message.keyframe];
    } else if (message.type === "heard") this.#ears?.push(message.mediaMs, message.pcm);
    else if (message.type === "video") this.#sent.add(message.unit);
    else if (message.type === "reset") this.#reset();
    void this.#work();
  }

  /** Another connection, perhaps to somebody else: ids of keyframes begin anew, and nobody is shown with an earlier face. */
  #reset() {
    this.#gallery = new Map();
    this.#keyframes = [];
    this.#waiting = null;
    this.#blank = true;
    this.#last = null;
    this.#filmed = { picture: null, frozen: false };
    this.#screen.wait();
    this.#ears?.reset();
    this.#mouth = new VoiceMouth(this.#lips);
    this.#anchor = new VoiceAnchor();
    this.#sent.close();
    this.#sent = this.#sentPictures();
  }

  #sentPictures() {
    return new SentPictures((kind, malformed) => this.#port.postMessage({ type: "video-broken", kind, malformed }));
  }

  /** One thing after the other. */
  async #work() {
    if (this.#busy) return;
    this.#busy = true;
    while (this.#keyframes.length || this.#waiting !== null) {
      const keyframe = this.#picturesTurn ? undefined : this.#keyframes.shift();
      if (keyframe !== undefined) await this.#prepare(keyframe);
      else await this.#show(/** @type {PictureDue} */ (this.#waiting));
      this.#prepared = keyframe !== undefined;
      // Messages that came meanwhile are looked at before the next picture: the newest wins.
      const first = this.#prepared && this.#gallery.size === 1;
      await new Promise((resolve) => setTimeout(resolve, first ? FIRST_PICTURE_WAIT_MS : 0));
    }
    this.#busy = false;
  }

  /** A keyframe goes first, because pictures need it; but after each one a picture that is ready to be shown has its turn. */
  get #picturesTurn() {
    const keyframeId = this.#waiting?.keyframeId ?? null;
    return this.#prepared && keyframeId !== null && this.#gallery.has(keyframeId);
  }

  /** @param {Keyframe} keyframe */
  async #prepare(keyframe) {
    const { keyframeId } = keyframe;
    const gallery = this.#gallery;
    try {
      const { widthPx, heightPx } = keyframe;
      const decoded = await decodeKeyframePicture(keyframe.image, widthPx, heightPx);
      const whole = widthPx === PICTURE_SIZE_PX && heightPx === PICTURE_SIZE_PX;
      const rgb = whole ? decoded : resized(decoded, widthPx, heightPx, PICTURE_SIZE_PX);
      if (this.#blank && gallery === this.#gallery) {
        this.#showStill(rgb);
        await new Promise((resolve) => setTimeout(resolve, 0)); // a canvas is shown when its worker comes to rest
      }
      const state = await this.#networks.renderer.encodeReference(keyframe, rgb);
      if (gallery !== this.#gallery) return;
      gallery.delete(keyframeId);
      gallery.set(keyframeId, { keyframe, rgb, state });
      const oldest = gallery.keys().next();
      if (gallery.size > GALLERY_SIZE && !oldest.done) gallery.delete(oldest.value);
      this.#port.postMessage({ type: "reference", keyframeId, usable: true, malformed: false });
    } catch (error) {
      if (gallery !== this.#gallery) return;
      const malformed = error instanceof RemoteError;
      if (!malformed) console.error("a reference could not be prepared", error);
      this.#port.postMessage({ type: "reference", keyframeId, usable: false, malformed });
    }
  }

  /**
   * The first keyframe as it was sent: somebody to look at, while the network gets to know the face.
   * @param {Uint8ClampedArray} rgb
   */
  #showStill(rgb) {
    intoRgba(rgb, this.#rgba);
    this.#screen.draw(this.#rgba, Mark.STILL);
    this.#blank = false;
  }

  /** @param {PictureDue} due */
  async #show(due) {
    this.#waiting = null;
    try {
      const startMs = performance.now();
      const voice = await this.#listen(due);
      const filmed = this.#film(due);
      const computed = filmed === null && (await this.#draw(due, voice));
      const computeMs = computed ? performance.now() - startMs : 0;
      this.#shown += 1;
      this.#port.postMessage({ type: "shown", dueUs: due.dueUs, computed: filmed ?? computed });
      if (computeMs > 0) await this.#note(computeMs);
    } catch (error) {
      console.error("a picture could not be rendered", error);
      this.#port.postMessage({ type: "failed" });
      // A card may be taken away at any time (a driver that restarts, a laptop that changes cards).
      if (await this.#networks.leaveCard()) await this.#prepareAnew();
    }
  }

  /**
   * Shows the picture as it was sent; null: there is none for this time. Returns whether it is another than before.
   * @param {PictureDue} due
   */
  #film(due) {
    const found = this.#sent.video(due);
    if (found === null) return null;
    const { picture, frozen } = found;
    if (picture === this.#filmed.picture && frozen === this.#filmed.frozen) return false;
    intoRgba(atFullSize(picture), this.#rgba);
    this.#screen.draw(this.#rgba, frozen ? Mark.FROZEN : Mark.VIDEO);
    this.#blank = false;
    this.#filmed = found;
    this.#last = null;
    return true;
  }

  /**
   * Rebuilds the picture and shows it; false: nothing had to be computed.
   * @param {PictureDue} due
   * @param {Float32Array | null} voice
   */
  async #draw({ state, keyframeId, values: told, mediaMs, voiceShare }, voice) {
    const reference = keyframeId === null ? undefined : this.#gallery.get(keyframeId)?.state;
    if (reference === undefined || told === null) return false;
    const thumbnail = this.#sent.thumbnail(mediaMs);
    const values = this.#ears === null || voiceShare === 0 ? told : this.#mouth.move(told);
    const still = state === PictureState.HELD || state === PictureState.VOICE;
    const vector = motionVector(values);
    const same = still && this.#last?.state === reference && this.#last.thumbnail === thumbnail;
    if (same && vector.every((value, i) => value === this.#last?.values[i])) return false;
    const gallery = this.#gallery;
    const rebuilt = await this.#networks.renderer.render(reference, values, voice, thumbnail);
    if (gallery !== this.#gallery) return false; // of somebody who is not there any more
    intoRgba(rebuilt, this.#rgba);
    this.#screen.draw(this.#rgba, Mark.REBUILT);
    this.#last = { state: reference, values: vector, thumbnail };
    this.#filmed = { picture: null, frozen: false };
    return true;
  }

  /**
   * Features (32) of the voice around a picture, which also moves the mouth; null without voice.
   * @param {PictureDue} due
   */
  async #listen(due) {
    const ears = this.#ears;
    if (ears === null) return null;
    const [mouth, anchor] = [this.#mouth, this.#anchor];
    const said = async (/** @type {number} */ mediaMs) => ((await ears.listen(mediaMs)) ?? ears.silence).expression;
    const heard = await ears.listen(due.mediaMs);
    const now = (heard ?? ears.silence).expression;
    const taken = due.keyframeId === null ? undefined : this.#gallery.get(due.keyframeId)?.keyframe.mediaMs;
    const held = await anchor.held(due, taken ?? null, now, said);
    mouth.follow(
      now.map((value, i) => value - held[i]),
      due.mediaMs,
    );
    return heard?.features ?? null;
  }

  /** @param {number} computeMs */
  async #note(computeMs) {
    this.#times.push(computeMs);
    if (this.#times.length < REPORT_EVERY) return;
    const times = this.#times.splice(0).sort((one, other) => one - other);
    const medianMs = times[times.length >> 1];
    const slow = medianMs > TOO_SLOW_MS;
    if (slow && (await this.#networks.stepDown())) await this.#prepareAnew();
    const { size, device } = this.#networks;
    postMessage({ type: "speed", size, device, medianMs, slow, dropped: this.#dropped, shown: this.#shown });
  }

  /** Another network has to see the references itself. */
  async #prepareAnew() {
    const gallery = this.#gallery;
    for (const [keyframeId, { keyframe, rgb }] of gallery) {
      const state = await this.#networks.renderer.encodeReference(keyframe, rgb);
      gallery.set(keyframeId, { keyframe, rgb, state });
    }
  }
}

/**
 * What outlives a call.
 * @param {import("./networks.js").Wishes & Readonly<{ears: boolean}>} wishes ears: whether the voice moves the mouth too.
 */
async function load({ ears, ...wishes }) {
  const [coding, manifest] = await Promise.all([loadCoding(), readManifest()]);
  const networks = await Networks.open(manifest, coding, wishes);
  return { coding, networks, ears: ears ? await VoiceFeatures.open(manifest) : null };
}

/** @type {ReturnType<typeof load> | undefined} */
let loading;
/** @type {RenderWorker | null} */
let work = null;

/** @param {MessageEvent} event */
async function onMessage({ data }) {
  work?.leave();
  work = null;
  if (data.type === "load") loading = load(data);
  const loaded = await loading;
  if (data.type !== "open" || loaded === undefined) return;
  const { coding, networks, ears } = loaded;
  work = new RenderWorker(data.canvas, data.port, coding, networks, ears);
  const { size, device, medianMs } = networks;
  postMessage({ type: "ready", size, device, medianMs, startedUs: nowUs() });
}

/** @type {Promise<void>} Messages are taken one after the other: a call that begins while the networks load, waits for them. */
let queue = Promise.resolve();

self.onmessage = (event) => {
  queue = queue
    .then(() => onMessage(event))
    .catch((error) => postMessage({ type: "broken", message: String(error?.message ?? error) }));
};
