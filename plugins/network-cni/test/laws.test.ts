import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { networkLaws } from '@slipway/plugin-testkit';
import { describe, it, vi } from 'vitest';
import { openSubject } from './subject.ts';

// A process is started and killed for each time that a step comes.
vi.setConfig({ testTimeout: 900_000 });

await networkLaws({ describe, it }, openSubject, {
  module: new URL('./subject.ts', import.meta.url).href,
  manifest: new URL('../package.json', import.meta.url),
  rounds: 500,
  reboot: (root) => rm(join(root, 'state'), { recursive: true }),
  steps: [
    'network.create.written',
    'network.attach.noted',
    'network.attach.begins',
    'network.attach.added',
    'network.attach.named',
    'network.attach.restricted',
    'network.attach.moved',
    'network.attach.published',
    'network.attach.done',
    'network.detach.deleted',
    'network.detach.released',
    'network.detach.forgotten',
    'network.remove.dismantled',
    'network.remove.removed',
    'network.cleanup.done',
    'network.firewall.bridge',
    'network.firewall.prepared',
    'network.names.written',
    'network.names.started',
    'network.names.served',
    'network.names.ended',
    'network.names.own',
    'network.names.own-ended',
    'network.egress.ruled',
    'network.egress.resolver',
    'network.egress.restricted',
    'network.egress.forgotten',
    'network.egress.resolver-ended',
  ],
});
