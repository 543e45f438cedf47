import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { findBinary } from '@slipway/oci-runtime';

/**
 * The shim that is the container's process on the host: the environment's SLIPWAY_KATA_SHIM, else the one packaged beside the compiled code (`bin/`), else the one built in the source tree. Undefined
 * when none is there.
 */
export function findShim(): string | undefined {
  const chosen = process.env['SLIPWAY_KATA_SHIM'];
  const places = ['../bin/slipway-kata-shim', '../../../native/kata-shim/build/slipway-kata-shim'];
  const candidates = chosen === undefined ? places.map((place) => fileURLToPath(new URL(place, import.meta.url))) : [chosen];
  return candidates.find((file) => findBinary(file) !== undefined);
}

/** It stands for a process in the machine; who owns the machine, QEMU and its helpers have other names. */
export function isShim(pid: number): boolean {
  try {
    // The kernel keeps 15 characters.
    return readFileSync(`/proc/${pid}/comm`, 'utf8') === 'slipway-kata-sh\n';
  } catch {
    return false;
  }
}
