import { gzipSync } from 'node:zlib';
import { tarEntry } from './tar-bytes.js';

const memberBytes = 64 << 20;

/** A small blob that is a layer of one file "zeros" of `members` times 64 MiB. */
export function zeros(members: number): Buffer {
  const header = gzipSync(tarEntry({ name: 'zeros', size: members * memberBytes }));
  const member = gzipSync(Buffer.alloc(memberBytes), { level: 1 });
  return Buffer.concat([header, ...Array.from({ length: members }, () => member), gzipSync(Buffer.alloc(1024))]);
}
