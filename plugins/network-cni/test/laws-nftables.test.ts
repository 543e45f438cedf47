import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { networkLaws } from '@slipway/plugin-testkit';
import { describe, it, vi } from 'vitest';
import { openSubject } from './nftables-subject.ts';

// A process is started and killed for each time that a step comes.
vi.setConfig({ testTimeout: 900_000 });

await networkLaws({ describe, it }, openSubject, {
  module: new URL('./nftables-subject.ts', import.meta.url).href,
  reboot: (root) => rm(join(root, 'state'), { recursive: true }),
  steps: ['network.firewall.bridge', 'network.firewall.prepared', 'network.firewall.published', 'network.attach.published'],
});
