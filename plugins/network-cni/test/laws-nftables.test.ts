import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { networkLaws } from '@slipway/plugin-testkit';
import { describe, it } from 'vitest';
import { openSubject } from './nftables-subject.ts';

await networkLaws({ describe, it }, openSubject, {
  module: new URL('./nftables-subject.ts', import.meta.url).href,
  reboot: (root) => rm(join(root, 'state'), { recursive: true }),
  steps: ['network.firewall.bridge', 'network.firewall.prepared', 'network.firewall.published', 'network.attach.published'],
  rounds: 100,
});
