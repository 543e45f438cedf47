import { SlipwayError, wrapError } from '@slipway/plugin-api';
import { TrustedPaths, type Untrusted } from './trusted-paths.js';

/**
 * As root, refuses a file that others could change; another user trusts whatever that user is pointed at. Errors: `permission-denied` with
 * `UNTRUSTED_FILE`, and those of the system.
 *
 * @param what names it in the error: `key`
 */
export function requireTrusted(what: string, file: string): void {
  if (process.geteuid?.() !== 0) return;
  let found: Untrusted | undefined;
  try {
    found = new TrustedPaths().whole(file);
  } catch (error) {
    throw wrapError(`read ${what} "${file}"`, error);
  }
  if (found === undefined) return;
  const { entry, why, hint } = found;
  throw new SlipwayError({ kind: 'permission-denied', code: 'UNTRUSTED_FILE', message: `${what} "${entry}" ${why}`, hint });
}
