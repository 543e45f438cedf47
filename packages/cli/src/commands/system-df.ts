import type { DiskUsage, Image, SnapshotDetails, UsageRow } from '@slipway/plugin-api';
import type { Action } from '../command.js';
import { withEngine } from '../host.js';
import { interruptible } from '../interruption.js';
import { printableJson } from '../printable.js';
import { shortDigest } from '../short-digest.js';
import { table } from '../table.js';
import { formatBytes } from '../units.js';
import { usageTable } from './snapshots-usage.js';

const kinds = [
  ['Images', 'images'],
  ['Content', 'content'],
  ['Snapshots', 'snapshots'],
  ['Containers', 'containers'],
  ['Downloads', 'ingests'],
] as const;

export const systemDf: Action = async (invocation) => {
  const { options, global, output } = invocation;
  const verbose = options.flag('verbose');
  const { usage, images, snapshots } = await withEngine(invocation, (engine) =>
    interruptible('system df', async (signal) => ({
      usage: await engine.system.diskUsage({ signal }),
      images: verbose ? await engine.images.list() : [],
      snapshots: verbose ? await engine.system.snapshots({ usage: true, signal }) : [],
    })),
  );
  if (global.json) output.out(`${printableJson(verbose ? { ...usage, details: { images, snapshots } } : usage, 2)}\n`);
  else if (global.quiet) output.out(`${kinds.reduce((sum, [, kind]) => sum + (kind === 'images' ? 0 : usage[kind].bytes), 0)}\n`);
  else output.out(usageText(usage) + (verbose ? detailsText(images, snapshots) : ''));
  return 0;
};

function usageText(usage: DiskUsage): string {
  return table(
    ['TYPE', 'TOTAL', 'ACTIVE', 'SIZE', 'RECLAIMABLE'],
    kinds.map(([heading, kind]) => row(heading, usage[kind])),
  );
}

function row(heading: string, { count, active, bytes, reclaimable }: UsageRow): string[] {
  const share = bytes === 0 ? '' : ` (${Math.round((100 * reclaimable) / bytes)}%)`;
  return [heading, String(count), String(active), formatBytes(bytes), `${formatBytes(reclaimable)}${share}`];
}

function detailsText(images: readonly Image[], snapshots: readonly SnapshotDetails[]): string {
  const rows = images.map(({ name, target, size }) => [name, shortDigest(target.digest), formatBytes(size)]);
  return `\n${table(['IMAGE', 'DIGEST', 'SIZE'], rows)}\n${usageTable(snapshots)}`;
}
