import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { volumeLaws } from '@slipway/plugin-testkit';
import { describe, it } from 'vitest';
import { openSubject } from './subject.ts';

volumeLaws({ describe, it }, openSubject, {
  module: new URL('./subject.ts', import.meta.url).href,
  manifest: new URL('../package.json', import.meta.url),
  someOptions: { type: 'tmpfs', o: 'size=1m' },
  reboot: (root) => rm(join(root, 'state'), { recursive: true }),
  steps: [
    'volume.create.filled',
    'volume.create.named',
    'volume.mount.noted',
    'volume.unmount.noted',
    'volume.remove.discarded',
    'volume.remove.deleted',
  ],
});
