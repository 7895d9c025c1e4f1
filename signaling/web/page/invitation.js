/**
 * Links into a room: `https://host/#room=...&role=peer&token=...`. What admits stands in the fragment, which browsers send
 * to nobody.
 *
 * Must not touch the page. Invariant: an invitation that is returned has a legal room, role and token; a token never
 * stands in a URL's query or path.
 */

/** @import { Invitation } from "./peer.js" */

const ROOM = /^[A-Za-z0-9_-]{1,64}$/;
const TOKEN = /^[A-Za-z0-9_.-]{1,1024}$/;
const ROLES = ["sender", "receiver", "peer"];
const FORBIDDEN = 403;
const SPARE_KEY = "facewire-spare";

/**
 * The invitation in a fragment, null when there is none.
 * @param {string} fragment With or without its "#".
 * @returns {Invitation | null}
 */
export function invitationOf(fragment) {
  const fields = new URLSearchParams(fragment.replace(/^#/, ""));
  const invitation = { room: fields.get("room"), role: fields.get("role") ?? "peer", token: fields.get("token") };
  return checked(invitation);
}

/**
 * The address that invites somebody.
 * @param {string} page
 * @param {Invitation} invitation
 */
export function linkTo(page, { room, role, token }) {
  const link = new URL(page);
  link.search = "";
  link.hash = new URLSearchParams({ room, role, token }).toString();
  return link.href;
}

/**
 * A new room: this end's invitation, and the other's.
 * @returns {Promise<{own: Invitation, other: Invitation} | null>} null: this server opens no rooms from the page.
 * @throws {Error} It cannot be reached, or opens none now.
 */
export async function openRoom() {
  const response = await fetch(new URL("../rooms", import.meta.url), { method: "POST" });
  if (response.status === FORBIDDEN) return null;
  if (!response.ok) throw new Error(`the service answered ${response.status}`);
  const { room, own, other } = await response.json();
  const mine = checked({ room, role: "peer", token: own });
  const theirs = checked({ room, role: "peer", token: other });
  return mine && theirs && { own: mine, other: theirs };
}

/**
 * A fresh token in exchange for one that was used, or that was given for this: for joining the same room again.
 * @param {Invitation} invitation
 * @returns {Promise<Invitation | null>} null: the service gives none.
 * @throws {Error} It cannot be reached, or is busy.
 */
export async function renewed(invitation) {
  const response = await fetch(new URL("../renew", import.meta.url), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ type: "join", ...invitation }),
  });
  if (!response.ok && response.status !== FORBIDDEN) throw new Error(`the service answered ${response.status}`);
  return response.ok ? checked({ ...invitation, token: (await response.json()).token }) : null;
}

/**
 * Keep what lets this tab join again, for a reload; the tab's own storage ends with it.
 * @param {Invitation | null} invitation
 */
export function keepSpare(invitation) {
  if (invitation === null) sessionStorage.removeItem(SPARE_KEY);
  else sessionStorage.setItem(SPARE_KEY, JSON.stringify(invitation));
}

/** @returns {Invitation | null} What `keepSpare` kept. */
export function spareInvitation() {
  try {
    return checked(JSON.parse(sessionStorage.getItem(SPARE_KEY) ?? "null") ?? {});
  } catch {
    return null;
  }
}

/** @param {{room?: unknown, role?: unknown, token?: unknown}} fields @returns {Invitation | null} */
function checked({ room, role, token }) {
  if (typeof room !== "string" || typeof role !== "string" || typeof token !== "string") return null;
  return ROOM.test(room) && ROLES.includes(role) && TOKEN.test(token) ? Object.freeze({ room, role, token }) : null;
}
