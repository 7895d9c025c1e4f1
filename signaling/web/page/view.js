/**
 * The page's elements, and what is written into them.
 *
 * Must not know calls. Invariant: text reaches the page through `textContent` and `value` only, whoever wrote it.
 */

import { sparkline } from "./meter.js";

/**
 * The element with this id, which index.html has.
 * @template {HTMLElement | SVGElement} [T=HTMLElement]
 * @param {string} id
 * @returns {T}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return /** @type {any} */ (found);
}

/** @param {string} text */
export function say(text) {
  byId("status").textContent = text;
}

/** @param {string} text Empty: nothing is wrong any more. */
export function warn(text) {
  const alert = byId("alert");
  alert.hidden = !text;
  alert.textContent = text;
}

/**
 * The security number of the connection.
 * @param {string | null} digits
 * @param {string} sentence What to do with it, or why there is none; empty: there is no connection.
 */
export function secure(digits, sentence) {
  byId("security").hidden = !sentence;
  byId("digits").hidden = digits === null;
  byId("digits").textContent = digits ?? "";
  byId("compare").textContent = sentence;
}

/**
 * Which part of the page is shown. Whoever was in another one with the keyboard finds themselves at the new one's title.
 * @param {"lobby" | "call" | "ended"} name
 */
export function show(name) {
  const focused = document.activeElement;
  for (const id of ["lobby", "call", "ended"]) byId(id).hidden = id !== name;
  if (focused?.closest("[hidden]")) byId(`${name}-title`).focus();
}

/** @param {string} text What is said on the picture; empty: nothing. Never hidden: screen readers watch what is there only. */
export function hold(text) {
  const note = byId("hold");
  if (note.textContent !== text) note.textContent = text;
}

/**
 * A new canvas in place of whatever `holder` showed: one that a worker took cannot be taken again.
 * @param {HTMLElement} holder
 * @param {string} label
 */
export function freshCanvas(holder, label) {
  const canvas = document.createElement("canvas");
  canvas.width = 256;
  canvas.height = 256;
  canvas.setAttribute("aria-label", label);
  replaceShown(holder, canvas);
  return canvas;
}

/**
 * The same for a camera's picture as it is.
 * @param {HTMLElement} holder
 * @param {string} label
 * @param {MediaStream} stream
 * @param {boolean} silent One's own.
 */
export function freshVideo(holder, label, stream, silent) {
  const video = document.createElement("video");
  video.autoplay = true;
  video.playsInline = true;
  video.muted = silent;
  video.srcObject = stream;
  video.setAttribute("aria-label", label);
  replaceShown(holder, video);
}

/**
 * One picture in place of the one that `holder` shows.
 * @param {HTMLElement} holder
 * @param {HTMLCanvasElement | HTMLVideoElement} shown
 */
export function replaceShown(holder, shown) {
  holder.querySelector("canvas, video")?.remove();
  holder.prepend(shown);
}

/**
 * What the page says of an ordinary call.
 * @param {string} sentence Empty: nothing.
 * @param {boolean} asks Whether this person may agree.
 */
export function offer(sentence, asks) {
  byId("ordinary").hidden = !sentence;
  byId("ordinary-words").textContent = sentence;
  byId("agree").hidden = !asks;
}

/**
 * Numbers of the meter; what is missing stays a dash.
 * @param {Readonly<Record<string, string | null>>} values By id.
 * @param {readonly number[]} history
 */
export function meter(values, history) {
  for (const [id, value] of Object.entries(values)) {
    const element = byId(id);
    const text = value ?? "–";
    if (element.textContent !== text) element.textContent = text;
  }
  const spark = byId("spark");
  spark.firstElementChild?.setAttribute("points", sparkline(history, 240, 40));
}

/**
 * The choices of a list of devices.
 * @param {HTMLSelectElement} select
 * @param {readonly MediaDeviceInfo[]} devices
 * @param {readonly [string, string]} words What to call any device, where they have no names yet, and none.
 * @param {string | null} used Id of the one that is open; null: none is.
 */
export function choices(select, devices, [any, none], used) {
  const kept = used ?? select.value;
  const named = devices.filter(({ deviceId }) => deviceId);
  const options = named.map(({ deviceId, label }, i) => option(deviceId, label || `device ${i + 1}`));
  if (devices.length && !named.length) options.push(option("", any));
  options.push(option("none", none));
  select.replaceChildren(...options);
  if (options.some(({ value }) => value === kept)) select.value = kept;
}

/** @param {string} value @param {string} text */
function option(value, text) {
  const element = document.createElement("option");
  element.value = value;
  element.textContent = text;
  return element;
}

/** @param {string} id Of a button that is pressed or not. */
export function isPressed(id) {
  return byId(id).getAttribute("aria-pressed") === "true";
}

/** @param {string} id @param {boolean} pressed */
export function press(id, pressed) {
  byId(id).setAttribute("aria-pressed", String(pressed));
}

/**
 * Flip a button that is pressed or not; returns whether it is now.
 * @param {string} id
 */
export function toggled(id) {
  press(id, !isPressed(id));
  return isPressed(id);
}
