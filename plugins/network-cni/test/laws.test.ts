import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { networkLaws } from '@slipway/plugin-testkit';
import { describe, it } from 'vitest';
import { openSubject } from './subject.ts';

await networkLaws({ describe, it }, openSubject, {
  module: new URL('./subject.ts', import.meta.url).href,
  manifest: new URL('../package.json', import.meta.url),
  reboot: (root) => rm(join(root, 'state'), { recursive: true }),
  steps: [
    'network.create.written',
    'network.attach.noted',
    'network.attach.begins',
    'network.plugin.ended',
    'network.attach.added',
    'network.attach.named',
    'network.attach.published',
    'network.attach.done',
    'network.detach.deleted',
    'network.detach.released',
    'network.detach.forgotten',
    'network.remove.dismantled',
    'network.remove.removed',
    'network.cleanup.done',
  ],
});
