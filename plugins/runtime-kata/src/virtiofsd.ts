import { findBinary } from '@slipway/oci-runtime';
import type { KataConfig } from './config.js';
import { cannot } from './refusal.js';

/** The program that shares folders of this host with a machine. Errors: `unimplemented` where there is none, or none is wanted. */
export function virtiofsdFor(id: string, { shared_fs, virtiofsd }: KataConfig): string {
  const what = 'folders of the host (binds and volumes) cannot be shared with a virtual machine';
  if (shared_fs === 'none')
    throw cannot(
      id,
      `${what}: shared_fs is "none"`,
      'set shared_fs = "virtio-fs" in [plugin.runtime-kata], or leave out -v and --mount',
    );
  const found = findBinary(virtiofsd);
  if (found !== undefined) return found;
  throw cannot(
    id,
    `${what}: ${JSON.stringify(virtiofsd)} was not found`,
    'install virtiofsd (Debian 12: apt-get install qemu-system-common), or set virtiofsd in [plugin.runtime-kata]',
  );
}
