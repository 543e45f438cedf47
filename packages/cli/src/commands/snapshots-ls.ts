import type { SnapshotDetails } from '@slipway/plugin-api';
import type { Action } from '../command.js';
import { withEngine } from '../host.js';
import { printable, printableJson } from '../printable.js';
import { shortDigest } from '../short-digest.js';
import { table } from '../table.js';
import { formatAge } from '../units.js';

export const snapshotsLs: Action = async (invocation) => {
  const { global, output } = invocation;
  const snapshots = await withEngine(invocation, (engine) => engine.system.snapshots());
  if (global.json) output.out(`${printableJson(snapshots, 2)}\n`);
  else if (global.quiet) output.out(snapshots.map(({ name }) => `${printable(name)}\n`).join(''));
  else {
    const now = Date.now();
    output.out(
      table(
        ['SNAPSHOTTER', 'NAME', 'PARENT', 'KIND', 'CREATED', 'USED'],
        snapshots.map((snapshot) => row(snapshot, now)),
      ),
    );
  }
  return 0;
};

function row({ snapshotter, name, parent = '', kind, createdAt, used }: SnapshotDetails, now: number): string[] {
  return [snapshotter, shortDigest(name), shortDigest(parent), kind, formatAge(createdAt, now), used ? 'yes' : 'no'];
}
