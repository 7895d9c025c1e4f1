/**
 * Fetches what both ends of a call must have in common: the coder's tables and the mesh basis.
 *
 * Must not import networks or pages. Invariant: `identity` names exactly the files that were loaded, as
 * shared/coding/identity.py does.
 */

import { UserError } from "../codec/errors.js";
import { parseMeshBasis } from "../codec/meshBasis.js";
import { parseTables } from "../codec/tables.js";

/** @import { MeshBasis } from "../codec/meshBasis.js" */
/** @import { CodingTables } from "../codec/tables.js" */

const FOLDER = new URL("../coding/", import.meta.url);

/** @typedef {Readonly<{tables: CodingTables, basis: MeshBasis, basisFile: ArrayBuffer, identity: string}>} Coding */

/** @returns {Promise<Coding>} */
export async function loadCoding() {
  const [text, basisFile] = await Promise.all([
    fetched("motion_tables.json").then((response) => response.text()),
    fetched("mesh_basis.safetensors").then((response) => response.arrayBuffer()),
  ]);
  const tables = await parseTables(text);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", basisFile));
  const name = Array.from(digest.subarray(0, 4), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const identity = `${tables.identity}-${name}`;
  return Object.freeze({ tables, basis: parseMeshBasis(basisFile), basisFile, identity });
}

/** @param {string} name */
async function fetched(name) {
  const response = await fetch(new URL(name, FOLDER));
  if (!response.ok) throw new UserError(`The server has no ${name}: its installation is not complete.`);
  return response;
}
