import type { SnapshotDetails } from '@slipway/plugin-api';
import type { Action } from '../command.js';
import { withEngine } from '../host.js';
import { interruptible } from '../interruption.js';
import { printable, printableJson } from '../printable.js';
import { shortDigest } from '../short-digest.js';
import { table } from '../table.js';
import { formatBytes } from '../units.js';

export const snapshotsUsage: Action = async (invocation) => {
  const { global, output } = invocation;
  const snapshots = await withEngine(invocation, (engine) =>
    interruptible('snapshots usage', (signal) => engine.system.snapshots({ usage: true, signal })),
  );
  if (global.json) output.out(`${printableJson(snapshots, 2)}\n`);
  else if (global.quiet) output.out(snapshots.map(({ name, usage }) => `${usage?.bytes ?? 0} ${printable(name)}\n`).join(''));
  else output.out(usageTable(snapshots));
  return 0;
};

export function usageTable(snapshots: readonly SnapshotDetails[]): string {
  return table(
    ['SNAPSHOTTER', 'NAME', 'KIND', 'SIZE', 'INODES', 'USED'],
    snapshots.map(({ snapshotter, name, kind, usage, used }) => [
      snapshotter,
      shortDigest(name),
      kind,
      formatBytes(usage?.bytes ?? 0),
      String(usage?.inodes ?? 0),
      used ? 'yes' : 'no',
    ]),
  );
}
