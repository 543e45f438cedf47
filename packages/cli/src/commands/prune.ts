import type { Pruned } from '@slipway/plugin-api';
import type { Action } from '../command.js';
import { withEngine } from '../host.js';
import { interruptible } from '../interruption.js';
import { printable, printableJson } from '../printable.js';
import { formatBytes } from '../units.js';
import { pruneNetworks } from './prune-networks.js';
import { reportFailures } from './report-failures.js';

interface PrunedAll extends Pruned {
  readonly networks: readonly string[];
}

export const prune: Action = async (invocation) => {
  const { options, global, output } = invocation;
  const dryRun = options.flag('dryRun');
  const pruned = await withEngine(invocation, (engine) =>
    interruptible('prune', async (signal): Promise<PrunedAll> => {
      const networks = await pruneNetworks(engine, { dryRun, signal });
      const pruned = await engine.system.prune({ all: options.flag('all'), partial: options.flag('partial'), dryRun, signal });
      return { networks, ...pruned };
    }),
  );
  if (global.json) output.out(`${printableJson(pruned, 2)}\n`);
  else output.out(global.quiet ? names(pruned) : prunedText(pruned, dryRun));
  return reportFailures(invocation, pruned.failures);
};

function names({ networks, images, content, snapshots, ingests }: PrunedAll): string {
  const all = [...networks, ...images, ...content, ...snapshots.map(({ name }) => name), ...ingests];
  return all.map((name) => `${printable(name)}\n`).join('');
}

function prunedText({ networks, images, content, snapshots, ingests, bytes }: PrunedAll, dryRun: boolean): string {
  const [untagged, deleted, freed] = dryRun ? ['Would untag', 'Would delete', 'Would free'] : ['Untagged', 'Deleted', 'Freed'];
  const lines = [
    ...networks.map((name) => `${deleted}: network ${name}`),
    ...images.map((name) => `${untagged}: ${name}`),
    ...content.map((digest) => `${deleted}: ${digest}`),
    ...snapshots.map(({ snapshotter, name }) => `${deleted}: snapshot ${name} of ${snapshotter}`),
    ...ingests.map((ref) => `${deleted}: download ${ref}`),
    `${freed}: ${formatBytes(bytes)}`,
  ];
  return lines.map((line) => `${printable(line)}\n`).join('');
}
