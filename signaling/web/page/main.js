/**
 * The page: from the link to the call and back. Wires elements, devices and calls together.
 *
 * Invariant: the token leaves the address bar before anything else happens; every error ends in a sentence on the page.
 */

import { Call, VOICE_BPS, VOICE_FRAME_MS } from "./call.js";
import { invitationOf, linkTo, openRoom } from "./invitation.js";
import { Rates } from "./meter.js";
import { featuresOf, lacksPart, Way } from "./ordinary.js";
import { OwnDevices } from "./ownDevices.js";
import { Spare } from "./spare.js";
import { Stage } from "./stage.js";
import { browserSupport } from "./support.js";
import { byId, freshCanvas, freshVideo, hold, isPressed, meter, offer, press, replaceShown, say } from "./view.js";
import { secure, show, toggled, warn } from "./view.js";
import { CAMERA_FAILED, COMPARE, HELD, NO_COPY, NO_DIGITS, NO_FACE, NO_FULL_SCREEN, NO_LINK, NO_ROOM } from "./words.js";
import { NOTICES, ORDINARY, PARTS, REFUSALS, REFUSED, ROOMS_CLOSED, SERVICE_GONE, STATES, TOO_SLOW } from "./words.js";

/** @import { Invitation } from "./peer.js" */
/** @import { Support } from "./support.js" */

const METER_MS = 1000;
/** Joining again after a loss: at once, then more and more patiently. */
const REJOIN_MS = [500, 2000, 5000, 10_000, 20_000];
/** States that end a call for good. */
const OVER = ["peer-left", "peer-refused", "other-model", "not-authentic"];
const RUNGS = ["voice", "motion", "thumbnail", "video"];
const SOCKET = new URL("../ws", import.meta.url.replace(/^http/, "ws")).href;

/** @type {OwnDevices | null} Once it is known what this browser can do. */
let devices = null;
const spare = new Spare();
/** @type {Invitation | null} */
let invitation = takeInvitation() ?? spare.invitation;
/** @type {Call | null} */
let call = null;
/** Raised by every join and every end: what was begun before is not wanted any more. */
let attempt = 0;
/** Whether a call is being put together. */
let joining = false;
/** @type {Stage | null} What draws the other person, from call to call. */
let stage = null;
/** @type {Support | null} */
let support = null;
/** @type {HTMLCanvasElement | null} Where the other person is drawn. */
let rebuilt = null;
let rates = new Rates();
let rejoins = 0;
/** Whether this call is an ordinary one. */
let ordinary = false;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let rejoining;
/** @type {ReturnType<typeof setInterval> | undefined} */
let metering;
const live = { fps: 0, pictures: 0, rung: /** @type {number | null} */ (null), speed: "", slow: false, held: 0, looks: 0 };
let latest = /** @type {any} */ (null);

/** What the address invites to; the address forgets it. */
function takeInvitation() {
  const found = invitationOf(location.hash);
  if (location.hash) history.replaceState(null, "", location.pathname + location.search);
  return found;
}

async function begin() {
  show("lobby");
  support = await browserSupport(VOICE_BPS, VOICE_FRAME_MS);
  devices = new OwnDevices(support, askedNetwork(new URLSearchParams(location.search)).device, noFace);
  const missing = Object.entries(PARTS).filter(([part]) => !support?.[/** @type {keyof Support} */ (part)]);
  byId("missing").hidden = !missing.length;
  const asks = support.tracks && lacksPart(support, invitation?.role ?? "peer");
  const sentences = missing.map(([, sentence]) => sentence);
  byId("missing").textContent = (asks ? [...sentences, ORDINARY.lobby] : sentences).join(" ");
  const possible = support.connection && support.secure;
  byId("join").hidden = invitation === null;
  byId("start").hidden = invitation !== null && invitation !== spare.invitation;
  for (const id of ["join", "start", "allow"]) byId(id).toggleAttribute("disabled", !possible);
  const listens = invitation?.role === "receiver";
  byId("allow").hidden = listens || !(support.camera || support.microphone || support.tracks);
  say(invitation === null ? NO_LINK : "Ready to join.");
  wire();
  // Opening networks takes seconds: those in which the person still chooses a camera.
  if (possible) theStage();
}

function wire() {
  byId("allow").onclick = byId("camera").onchange = byId("microphone").onchange = () => devices?.use();
  byId("devices").onsubmit = (event) => {
    event.preventDefault();
    if (invitation !== null) void join(invitation);
  };
  byId("start").onclick = () => void startRoom();
  byId("again").onclick = () => void joinAgain();
  byId("hang-up").onclick = hangUp;
  byId("mute").onclick = () => call?.mute(toggled("mute"));
  byId("camera-off").onclick = () => call?.cameraOff(toggled("camera-off"));
  byId("self-view").onclick = () => (byId("self").hidden = !toggled("self-view"));
  byId("what-they-see").onclick = mirror;
  byId("reference").onclick = () => call?.newReference();
  byId("rung").onchange = () => call?.pin(chosenRung());
  byId("agree").onclick = () => {
    offer("", false);
    call?.becomeOrdinary();
  };
  byId("full").onclick = () => void fullScreen();
  byId("copy").onclick = () => void copyLink();
  addEventListener("pagehide", () => call?.end());
  addEventListener("online", () => {
    if (rejoins > 0) void joinAgain(); // no need to wait any longer
  });
}

async function startRoom() {
  byId("start").toggleAttribute("disabled", true); // a second press would open a second room
  try {
    const opened = await openRoom();
    if (opened === null) return warn(ROOMS_CLOSED);
    invitation = opened.own;
    /** @type {HTMLInputElement} */ (byId("link")).value = linkTo(location.href, opened.other);
    byId("invite").hidden = false;
  } catch {
    return warn(NO_ROOM);
  } finally {
    byId("start").toggleAttribute("disabled", false);
  }
  return join(invitation);
}

async function copyLink() {
  const link = /** @type {HTMLInputElement} */ (byId("link"));
  link.select();
  try {
    await navigator.clipboard.writeText(link.value);
    say("The link was copied.");
  } catch {
    say(NO_COPY);
  }
}

async function fullScreen() {
  try {
    await (document.fullscreenElement ? document.exitFullscreen() : byId("screen").requestFullscreen());
  } catch {
    say(NO_FULL_SCREEN); // refused, or a telephone that has none
  }
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
  if (joining || call !== null || support === null || devices === null) return;
  joining = true;
  attempt += 1;
  const mine = attempt;
  warn("");
  show("call");
  say(STATES.loading);
  // Made at once, as long as the click counts as one.
  const context = new AudioContext({ sampleRate: 48_000, latencyHint: "interactive" });
  await devices.opened;
  if (mine !== attempt) {
    void context.close(); // hung up while the browser still asked for the camera
    return;
  }
  joining = false;
  const { media, face } = devices;
  dressCall(media, face);
  const remote = freshCanvas(byId("remote"), "The other person, rebuilt");
  rebuilt = remote;
  becomeOrdinary(null);
  const features = featuresOf(support, to.role);
  const made = new Call({ remote, stage: theStage(), media, face, context, speaks: support.microphone, features }, callEvents());
  call = made;
  // What was pressed before a loss still is.
  made.mute(isPressed("mute"));
  made.cameraOff(isPressed("camera-off"));
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

/**
 * The call's own part of the page: what this end shows of itself, and which buttons have something to do.
 * @param {MediaStream | null} media
 * @param {import("./face.js").Face | null} face
 */
function dressCall(media, face) {
  const films = Boolean(media?.getVideoTracks().length);
  byId("self").hidden = !films || !isPressed("self-view");
  for (const id of ["camera-off", "self-view"]) byId(id).toggleAttribute("disabled", !films);
  byId("mute").toggleAttribute("disabled", !media?.getAudioTracks().length);
  if (face !== null) face.draw(freshCanvas(byId("self"), "You, as sent"));
  else if (media !== null && films) freshVideo(byId("self"), "You", media, true);
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
    notice: (notice) => {
      warn(NOTICES[notice]);
      if (notice === "mirror-failed") closeMirror();
    },
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
  byId("what-they-see").toggleAttribute("disabled", ordinary || !devices?.face);
  closeMirror();
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
    // Who was in the room may come back; who never was is told at once.
    if (rejoins > 0 || wayBack() !== null) rejoin(SERVICE_GONE);
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
  if ((state === "waiting" || state === "connecting") && invitation !== null) void spare.keep(invitation);
  if (state === "lost" || state === "no-path") rejoin(STATES[state]);
  else if (OVER.includes(state)) stop(STATES[/** @type {"left"} */ (state)]);
}

/** @param {string} code */
function refused(code) {
  if (code === "no-peer") return; // the other one left in this moment; the service says so as well
  const again = code === "room-full" && rejoins > 0; // this end's own seat is not free yet
  if (again) rejoin(STATES.lost);
  else stop(REFUSALS[code] ?? REFUSED);
}

/** What lets this end into its room again; null: nothing does. */
function wayBack() {
  return spare.invitation?.room === invitation?.room ? spare.invitation : null;
}

/** @param {string} why */
function rejoin(why) {
  const wait = REJOIN_MS[Math.min(rejoins, REJOIN_MS.length - 1)];
  rejoins += 1;
  leave(false);
  say(why);
  clearTimeout(rejoining);
  rejoining = setTimeout(() => void joinAgain(), wait);
}

async function joinAgain() {
  const next = wayBack();
  clearTimeout(rejoining);
  if (call !== null || joining) return;
  if (next === null) {
    stop(REFUSALS["used-token"]);
    return;
  }
  invitation = next;
  devices?.useAgain();
  await join(next);
}

function hangUp() {
  stop(STATES.left);
}

/** @param {string} sentence */
function stop(sentence) {
  clearTimeout(rejoining);
  attempt += 1;
  joining = false;
  leave(true);
  devices?.close();
  for (const id of ["mute", "camera-off"]) press(id, false);
  show("ended");
  byId("again").hidden = wayBack() === null;
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
  if (!toggled("what-they-see")) return closeMirror();
  byId("mirror").hidden = false;
  return call?.mirror(freshCanvas(byId("mirror"), "You, as the other person sees you"));
}

/** The camera cannot be looked at any more; the call goes on. */
function noFace() {
  warn(CAMERA_FAILED);
  closeMirror();
  byId("what-they-see").toggleAttribute("disabled", true);
}

function closeMirror() {
  byId("mirror").hidden = true;
  press("what-they-see", false);
  call?.mirror(null);
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
      "face-ms": devices?.face ? `${devices.report.meanMs.toFixed(0)} ms` : null,
      "their-rung": live.rung === null ? null : RUNGS[live.rung],
      "own-rung": stats ? RUNGS[stats.rung] : null,
      network: live.speed || null,
    },
    rates.history,
  );
  if (!ordinary) hold(live.slow ? TOO_SLOW : live.held > 1 ? HELD : devices?.report.state === "lost" ? NO_FACE : "");
}

begin().catch((error) => fail(String(error?.message ?? error)));
