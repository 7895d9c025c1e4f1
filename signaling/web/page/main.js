/**
 * The page: from the link to the call and back. Wires elements, devices and calls together.
 *
 * Invariant: the token leaves the address bar before anything else happens; every error ends in a sentence on the page.
 */

import { Call, VOICE_BPS, VOICE_FRAME_MS } from "./call.js";
import { closeDevices, listDevices, openDevices } from "./devices.js";
import { invitationOf, keepSpare, linkTo, openRoom, renewed, spareInvitation } from "./invitation.js";
import { Rates } from "./meter.js";
import { Face } from "./face.js";
import { browserSupport } from "./support.js";
import { featuresOf, lacksPart, Way } from "./ordinary.js";
import { Stage } from "./stage.js";
import { byId, choices, freshCanvas, freshVideo, hold, meter, offer, replaceShown, say } from "./view.js";
import { secure, show, toggled, warn } from "./view.js";
import { COMPARE, DEVICE_FAILED, DEVICES, HELD, NO_DIGITS, NO_FACE, NO_LINK, ORDINARY, PARTS } from "./words.js";
import { REFUSALS, REFUSED, RENDER_FAILED, ROOMS_CLOSED, SERVICE_GONE, STATES, TOO_SLOW } from "./words.js";

/** @import { Invitation } from "./peer.js" */
/** @import { Support } from "./support.js" */

const METER_MS = 1000;
/** Joining again after a loss: at once, then more and more patiently. */
const REJOIN_MS = [500, 2000, 5000, 10_000, 20_000];
/** States that end a call for good. */
const OVER = ["peer-left", "peer-refused", "other-model", "not-authentic"];
const RUNGS = ["voice", "motion", "thumbnail", "video"];
const SOCKET = new URL("../ws", import.meta.url.replace(/^http/, "ws")).href;

/** @type {MediaStream | null} */
let media = null;
/** @type {Face | null} */
let camera = null;
/** @type {Invitation | null} For joining again. */
let spare = spareInvitation();
/** The token that was handed in for `spare`. */
let exchanged = "";
/** @type {Invitation | null} */
let invitation = takeInvitation() ?? spare;
/** @type {Call | null} */
let call = null;
/** @type {Stage | null} What draws the other person, from call to call. */
let stage = null;
/** @type {Support | null} */
let support = null;
/** @type {HTMLCanvasElement | null} Where the other person is drawn. */
let rebuilt = null;
let rates = new Rates();
let rejoins = 0;
/** Whether camera or microphone were allowed before. */
let wanted = false;
/** Whether this call is an ordinary one. */
let ordinary = false;
/** Devices take a moment to open; a call waits for them. */
let opening = Promise.resolve();
/** @type {ReturnType<typeof setTimeout> | undefined} */
let rejoining;
/** @type {ReturnType<typeof setInterval> | undefined} */
let metering;
const live = { fps: 0, pictures: 0, rung: /** @type {number | null} */ (null), speed: "", slow: false, held: 0, looks: 0 };
let latest = /** @type {any} */ (null);
let face = { state: "waiting", meanMs: 0 };

/** What the address invites to; the address forgets it. */
function takeInvitation() {
  const found = invitationOf(location.hash);
  if (location.hash) history.replaceState(null, "", location.pathname + location.search);
  return found;
}

async function begin() {
  show("lobby");
  support = await browserSupport(VOICE_BPS, VOICE_FRAME_MS);
  const missing = Object.entries(PARTS).filter(([part]) => !support?.[/** @type {keyof Support} */ (part)]);
  byId("missing").hidden = !missing.length;
  const asks = support.tracks && lacksPart(support, invitation?.role ?? "peer");
  const sentences = missing.map(([, sentence]) => sentence);
  byId("missing").textContent = (asks ? [...sentences, ORDINARY.lobby] : sentences).join(" ");
  const possible = support.connection && support.secure;
  byId("join").hidden = invitation === null;
  byId("start").hidden = invitation !== null && invitation !== spare;
  for (const id of ["join", "start", "allow"]) byId(id).toggleAttribute("disabled", !possible);
  const listens = invitation?.role === "receiver";
  byId("allow").hidden = listens || !(support.camera || support.microphone || support.tracks);
  say(invitation === null ? NO_LINK : "Ready to join.");
  wire();
  // Opening networks takes seconds: those in which the person still chooses a camera.
  if (possible) theStage();
}

function wire() {
  byId("allow").onclick = useDevices;
  byId("camera").onchange = byId("microphone").onchange = useDevices;
  byId("devices").onsubmit = (event) => {
    event.preventDefault();
    if (invitation !== null) void join(invitation);
  };
  byId("start").onclick = () => void startRoom();
  byId("again").onclick = () => void joinAgain();
  byId("hang-up").onclick = hangUp;
  byId("mute").onclick = () => call?.mute(toggled(byId("mute")));
  byId("camera-off").onclick = () => call?.cameraOff(toggled(byId("camera-off")));
  byId("self-view").onclick = () => (byId("self").hidden = !toggled(byId("self-view")));
  byId("what-they-see").onclick = mirror;
  byId("reference").onclick = () => call?.newReference();
  byId("rung").onchange = () => call?.pin(chosenRung());
  byId("agree").onclick = () => {
    offer("", false);
    call?.becomeOrdinary();
  };
  byId("full").onclick = () => {
    void (document.fullscreenElement ? document.exitFullscreen() : byId("stage").requestFullscreen());
  };
  byId("copy").onclick = () => void copyLink();
  addEventListener("pagehide", () => call?.end());
  addEventListener("online", () => {
    if (rejoins > 0 && call === null) void joinAgain(); // no need to wait any longer
  });
}

/** Opens the chosen devices for the preview; what cannot be had is told. */
function useDevices() {
  opening = opening.then(openChosen);
}

async function openChosen() {
  const chosen = (/** @type {string} */ id) => {
    const { value } = /** @type {HTMLSelectElement} */ (byId(id));
    return value === "none" ? null : value;
  };
  const cameraId = support?.camera || support?.tracks ? chosen("camera") : null;
  const microphoneId = support?.microphone || support?.tracks ? chosen("microphone") : null;
  dropDevices();
  warn("");
  try {
    if (cameraId !== null || microphoneId !== null) media = await openDevices(cameraId, microphoneId);
  } catch (error) {
    warn(DEVICES[error instanceof Error ? error.name : ""] ?? DEVICE_FAILED);
  }
  wanted = media !== null;
  const preview = /** @type {HTMLVideoElement} */ (byId("preview"));
  preview.srcObject = media;
  const [track] = media?.getVideoTracks() ?? [];
  if (track !== undefined && support?.camera) {
    const { device } = askedNetwork(new URLSearchParams(location.search));
    camera = new Face(track, (report) => (face = report), fail, device);
    camera.draw(freshCanvas(byId("crop"), "What will be sent: the square around your face"));
  }
  if (track !== undefined) await preview.play();
  const { cameras, microphones } = await listDevices();
  choices(/** @type {HTMLSelectElement} */ (byId("camera")), cameras, "no camera");
  choices(/** @type {HTMLSelectElement} */ (byId("microphone")), microphones, "no microphone");
}

function dropDevices() {
  camera?.close();
  camera = null;
  closeDevices(media);
  media = null;
}

async function startRoom() {
  const opened = await openRoom();
  if (opened === null) {
    warn(ROOMS_CLOSED);
    return;
  }
  invitation = opened.own;
  /** @type {HTMLInputElement} */ (byId("link")).value = linkTo(location.href, opened.other);
  byId("invite").hidden = false;
  await join(opened.own);
}

async function copyLink() {
  const link = /** @type {HTMLInputElement} */ (byId("link"));
  link.select();
  await navigator.clipboard.writeText(link.value);
  say("The link was copied.");
}

/**
 * `?size=nano&device=wasm`, for those who want to compare.
 * @param {URLSearchParams} query
 * @returns {Readonly<{size: string | null, device: import("../render/engine.js").Device | null}>}
 */
function askedNetwork(query) {
  const device = query.get("device");
  return { size: query.get("size"), device: device === "wasm" || device === "webgpu" ? device : null };
}

/** Loads its networks from the first time on that somebody asks. */
function theStage() {
  stage ??= new Stage(askedNetwork(new URLSearchParams(location.search)), { ears: true });
  return stage;
}

/** @param {Invitation} to */
async function join(to) {
  warn("");
  show("call");
  say(STATES.loading);
  // Made at once, as long as the click counts as one.
  const context = new AudioContext({ sampleRate: 48_000, latencyHint: "interactive" });
  await opening;
  const films = Boolean(media?.getVideoTracks().length);
  byId("self").hidden = !films;
  for (const id of ["camera-off", "self-view"]) byId(id).toggleAttribute("disabled", !films);
  byId("mute").toggleAttribute("disabled", !media?.getAudioTracks().length);
  for (const id of ["mute", "camera-off", "what-they-see"]) byId(id).setAttribute("aria-pressed", "false");
  if (camera !== null) camera.draw(freshCanvas(byId("self"), "You, as sent"));
  else if (media !== null && films) freshVideo(byId("self"), "You", media, true);
  const remote = freshCanvas(byId("remote"), "The other person, rebuilt");
  rebuilt = remote;
  becomeOrdinary(null);
  const features = support === null ? [] : featuresOf(support, to.role);
  const speaks = support?.microphone ?? false;
  const made = new Call({ remote, stage: theStage(), media, face: camera, context, speaks, features }, callEvents());
  call = made;
  rates = new Rates();
  clearInterval(metering);
  metering = setInterval(() => void look(), METER_MS);
  try {
    // Meeting takes seconds, and so does loading: neither waits for the other.
    await Promise.all([made.prepare(() => made.join(SOCKET, to)), context.resume()]);
  } catch (error) {
    if (call === made) fail(error instanceof Error ? error.message : String(error));
  }
}

/** @returns {import("./call.js").CallEvents} */
function callEvents() {
  return {
    state: (state) => void entered(state),
    refused: (code) => refused(code),
    speed: ({ size, device, medianMs, slow }) => {
      live.speed = `${size}${device === "webgpu" ? " on the graphics card" : ""}, ${medianMs.toFixed(0)} ms`;
      live.slow = slow;
    },
    stats: (stats) => (latest = stats),
    control: (message) => {
      if (message.kind === "media_config") live.rung = message.rung;
    },
    digits: (digits) => secure(digits, digits === null ? NO_DIGITS : COMPARE),
    way: (way) => offer(way === Way.ASK ? ORDINARY.ask : way === Way.WAIT ? ORDINARY.wait : "", way === Way.ASK),
    ordinary: becomeOrdinary,
    notice: () => warn(RENDER_FAILED),
    failed: fail,
  };
}

/**
 * The other person's camera instead of the rebuilt picture, or back.
 * @param {MediaStream | null} stream
 */
function becomeOrdinary(stream) {
  ordinary = stream !== null;
  byId("synthetic").hidden = ordinary;
  byId("filmed").hidden = !ordinary;
  byId("remote").setAttribute("aria-label", ordinary ? "The other person" : "The other person, rebuilt");
  for (const id of ["reference", "rung"]) byId(id).toggleAttribute("disabled", ordinary);
  byId("what-they-see").toggleAttribute("disabled", ordinary || camera === null);
  byId("mirror").hidden = true;
  byId("what-they-see").setAttribute("aria-pressed", "false");
  offer("", false);
  if (stream !== null) {
    freshVideo(byId("remote"), "The other person", stream, false);
    hold("");
    say(ORDINARY.on);
  } else if (rebuilt !== null && !rebuilt.isConnected) replaceShown(byId("remote"), rebuilt);
}

/** @param {string} state */
async function entered(state) {
  if (state === "service-gone") {
    if (rejoins > 0) rejoin();
    else stop(SERVICE_GONE);
    return;
  }
  say(STATES[/** @type {keyof typeof STATES} */ (state)] ?? state);
  if (state === "open") {
    rejoins = 0;
    secure(null, ""); // the number is of a connection that was
    becomeOrdinary(null);
    const rung = chosenRung();
    if (rung !== null) call?.pin(rung); // the other end of this connection knows nothing of it yet
    byId("invite").hidden = true;
  }
  if ((state === "waiting" || state === "connecting") && invitation !== null) await keep(invitation);
  if (state === "lost") rejoin();
  else if (OVER.includes(state)) stop(STATES[/** @type {"left"} */ (state)]);
}

/** A token admits once: the one for next time is fetched while this one is fresh. @param {Invitation} used */
async function keep(used) {
  if (exchanged === used.token) return; // an answer may still be on its way, and a second exchange is refused
  exchanged = used.token;
  spare = await renewed(used).catch(() => null);
  keepSpare(spare);
}

/** @param {string} code */
function refused(code) {
  if (code === "no-peer") return; // the other one left in this moment; the service says so as well
  const again = code === "room-full" && rejoins > 0; // this end's own seat is not free yet
  if (again) rejoin();
  else stop(REFUSALS[code] ?? REFUSED);
}

function rejoin() {
  const wait = REJOIN_MS[Math.min(rejoins, REJOIN_MS.length - 1)];
  rejoins += 1;
  leave(false);
  say(STATES.lost);
  clearTimeout(rejoining);
  rejoining = setTimeout(() => void joinAgain(), wait);
}

async function joinAgain() {
  const next = spare;
  clearTimeout(rejoining);
  if (call !== null) return;
  if (next === null) {
    stop(REFUSALS["used-token"]);
    return;
  }
  invitation = next;
  // A device may have gone with the sleep or the network; after hanging up they are closed.
  if (wanted && (media === null || media.getTracks().some((track) => track.readyState === "ended"))) useDevices();
  await join(next);
}

function hangUp() {
  stop(STATES.left);
}

/** @param {string} sentence */
function stop(sentence) {
  clearTimeout(rejoining);
  leave(true);
  dropDevices();
  show("ended");
  byId("again").hidden = spare === null;
  say(sentence);
}

/** @param {string} message */
function fail(message) {
  stage?.close(); // it may be what broke
  stage = null;
  stop(STATES.broken);
  warn(message);
}

/** @param {boolean} forGood */
function leave(forGood) {
  clearInterval(metering);
  hold("");
  secure(null, "");
  becomeOrdinary(null);
  call?.end();
  call = null;
  latest = null;
  if (forGood) rejoins = 0;
}

/** What the other end shall send; null: as its network allows. */
function chosenRung() {
  const { value } = /** @type {HTMLSelectElement} */ (byId("rung"));
  return value === "" ? null : Number(value);
}

function mirror() {
  const on = toggled(byId("what-they-see"));
  byId("mirror").hidden = !on;
  call?.mirror(on ? freshCanvas(byId("mirror"), "You, as the other person sees you") : null);
}

/** Once a second: the numbers, and what the picture says of itself. */
async function look() {
  const counters = await call?.counters();
  const rate = counters ? rates.look(counters, performance.now()) : null;
  const kbps = (/** @type {number | undefined} */ value) => (value === undefined ? null : `${value.toFixed(1)} kbit/s`);
  const stats = latest;
  live.fps = Math.max(0, (stats?.shown ?? 0) - live.pictures);
  live.pictures = stats?.shown ?? 0;
  const held = stats?.pictures.held ?? 0;
  live.held = held > live.looks && live.fps === 0 ? live.held + 1 : 0;
  live.looks = held;
  meter(
    {
      down: kbps(rate?.downKbps),
      up: kbps(rate?.upKbps),
      fps: stats ? `${live.fps} /s` : null,
      rtt: counters?.rttMs == null ? null : `${counters.rttMs.toFixed(0)} ms`,
      loss: stats ? `${(100 * stats.loss).toFixed(0)} %` : null,
      "face-ms": camera === null ? null : `${face.meanMs.toFixed(0)} ms`,
      "their-rung": live.rung === null ? null : RUNGS[live.rung],
      "own-rung": stats ? RUNGS[stats.rung] : null,
      network: live.speed || null,
    },
    rates.history,
  );
  if (!ordinary) hold(live.slow ? TOO_SLOW : live.held > 1 ? HELD : camera !== null && face.state === "lost" ? NO_FACE : "");
}

begin().catch((error) => fail(String(error?.message ?? error)));
