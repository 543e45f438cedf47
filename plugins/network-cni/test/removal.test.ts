import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe } from 'vitest';
import { test } from './place.ts';

const sh = (script: string): string =>
  execFileSync('sh', ['-c', script], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/** What somebody may have done to a network's rules and bridge before it is removed. */
const losses = {
  iptables: [
    'iptables -t mangle -F SLIPWAY-F-slipway1',
    'iptables -t mangle -D FORWARD -j SLIPWAY-F-slipway1',
    'iptables -t mangle -F FORWARD; iptables -t mangle -F SLIPWAY-F-slipway1; iptables -t mangle -X SLIPWAY-F-slipway1',
    'iptables -t nat -F; iptables -t nat -X',
    'nft flush ruleset',
    'ip link delete slipway1',
    'nft flush ruleset; ip link delete slipway1',
  ],
  nftables: [
    'nft flush table inet slipway',
    'nft delete element inet slipway bridges "{ slipway1 }"',
    'nft flush map inet slipway forwarded_to; nft delete chain inet slipway to-slipway1',
    'nft delete table inet slipway',
    'ip link delete slipway1',
    'nft flush ruleset; ip link delete slipway1',
  ],
} as const;

/** Does that right after the rules were listed for the first time. */
function meanwhile(root: string, program: string, script: string): Disposable {
  const folder = path.join(root, 'bin');
  mkdirSync(folder);
  const real = sh(`command -v ${program}`).trim();
  const file = path.join(folder, program);
  const isListing = program === 'nft' ? '[ "$1 $2" = "-j list" ]' : 'true';
  writeFileSync(
    file,
    `#!/bin/sh
export PATH="${process.env['PATH']}"
${real} "$@"
code=$?
if ${isListing} && mkdir "${folder}/done" 2>/dev/null; then { ${script}; } >&2; fi
exit $code
`,
  );
  chmodSync(file, 0o700);
  const before = process.env['PATH'];
  process.env['PATH'] = `${folder}:${before}`;
  return {
    [Symbol.dispose]() {
      process.env['PATH'] = before;
    },
  };
}

for (const firewall of ['iptables', 'nftables'] as const) {
  describe(`a network is removed, with ${firewall},`, () => {
    for (const loss of losses[firewall]) {
      for (const when of ['before', 'meanwhile'] as const) {
        test(
          `where ${when} somebody has done "${loss}"`,
          async ({ network, attach, root, host }) => {
            for (const name of ['n', 'other']) {
              await network.create(name);
              await attach(name, name);
              await network.detach(name);
            }
            {
              using _race = meanwhile(root, firewall === 'nftables' ? 'nft' : 'iptables-save', when === 'before' ? 'true' : loss);
              if (when === 'before') sh(loss);
              await network.remove('n');
            }
            const { rules, interfaces } = host.state(root);
            assert.doesNotMatch([...rules, ...interfaces].join('\n'), /slipway1/);
            await attach('again', 'other');
            await network.detach('again');
            await network.remove('other');
            assert.doesNotMatch(host.state(root).rules.join('\n'), /slipway|SLIPWAY/);
          },
          { firewall },
        );
      }
    }
  });
}
