import type { ReadTransaction } from '@slipway/plugin-api';
import { containersTable } from '../metadata/containers.js';
import { imageMountsTable } from '../metadata/mounts.js';
import { rowName, rowPrefix } from '../metadata/rows.js';

/** By the name of the image, one thing that uses it, in words. */
export function imageUsers(tx: ReadTransaction): Map<string, string> {
  const users = new Map<string, string>();
  for (const [key, { image }] of tx.entries(imageMountsTable, { prefix: rowPrefix })) {
    users.set(image, `it is mounted on "${rowName(key)}"`);
  }
  for (const [, { image, name }] of tx.entries(containersTable, { prefix: rowPrefix })) {
    users.set(image, `container "${name}" is made of it`);
  }
  return users;
}
