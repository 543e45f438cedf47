import type { ReadTransaction } from '@slipway/plugin-api';
import { containerRows } from '../metadata/container-rows.js';
import { imageMountsTable } from '../metadata/mounts.js';
import { rowName, rowPrefix } from '../metadata/rows.js';

/** By the name of the image, one thing that uses it, in words. What a container needs stays without its name, also where that cannot be read. */
export function imageUsers(tx: ReadTransaction): Map<string, string> {
  const users = new Map<string, string>();
  for (const [key, { image }] of tx.entries(imageMountsTable, { prefix: rowPrefix })) {
    users.set(image, `it is mounted on "${rowName(key)}"`);
  }
  for (const { row } of containerRows(tx).readable) users.set(row.image, `container "${row.name}" is made of it`);
  return users;
}
