import { join } from 'node:path';
import { metadataLaws } from '@slipway/plugin-testkit';
import { open } from 'lmdb';
import { describe, it } from 'vitest';
import { openSubject } from './subject.ts';

metadataLaws({ describe, it }, openSubject, {
  module: new URL('./subject.ts', import.meta.url).href,
  manifest: new URL('../package.json', import.meta.url),
  steps: ['metadata.write.durable'],
  async makeNewer(root) {
    const path = join(root, 'plugin', 'data.mdb');
    const raw = open<Buffer, Buffer>({ path, noSubdir: true, encoding: 'binary', keyEncoding: 'binary' });
    await raw.put(Buffer.from('\0format'), Buffer.from('{"format":1000}'));
    await raw.close();
    return [path];
  },
});
