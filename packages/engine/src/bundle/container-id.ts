import { randomBytes } from 'node:crypto';
import { invalid, quote } from './invalid.js';

const pattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}$/;

/**
 * The one rule for container ids, applied before one becomes part of a path, an argument or a cgroup: 1 to 64 of
 * `[a-zA-Z0-9_.-]`, starting with a letter or digit. Errors: `CONTAINER_ID_INVALID`.
 */
export function parseContainerId(text: string): string {
  // A program without types may give a number, which the pattern takes and the store does not.
  if (typeof text !== 'string' || !pattern.test(text)) {
    throw invalid(
      'CONTAINER_ID_INVALID',
      `Container name ${quote(String(text))} is not 1 to 64 of a-z, A-Z, 0-9, "_", "." and "-", starting with a letter or digit`,
      { hint: 'choose another name' },
    );
  }
  return text;
}

/** 64 random hex digits. */
export function generateContainerId(): string {
  for (;;) {
    const id = randomBytes(32).toString('hex');
    // The first 12 become the host name, and a host name of digits alone reads as an address (RFC 1123, 2.1).
    if (!/^\d{12}/.test(id)) return id;
  }
}
