import type { SnapshotDetails } from '@slipway/plugin-api';
import type { Action } from '../command.js';
import { drawTree } from '../draw-tree.js';
import { withEngine } from '../host.js';
import { printable, printableJson } from '../printable.js';
import { shortDigest } from '../short-digest.js';

/** One snapshot and what grows on it. */
interface SnapshotNode extends SnapshotDetails {
  readonly children: SnapshotNode[];
}

export const snapshotsTree: Action = async (invocation) => {
  const { global, output } = invocation;
  const roots = rootsOf(await withEngine(invocation, (engine) => engine.system.snapshots()));
  if (global.json) output.out(`${printableJson(roots, 2)}\n`);
  else output.out(drawn(roots, global.quiet));
  return 0;
};

/** Those that grow on nothing that is here. */
function rootsOf(snapshots: readonly SnapshotDetails[]): SnapshotNode[] {
  const key = (snapshotter: string, name: string): string => JSON.stringify([snapshotter, name]);
  const nodes = new Map(
    snapshots.map((snapshot): [string, SnapshotNode] => [
      key(snapshot.snapshotter, snapshot.name),
      { ...snapshot, children: [] },
    ]),
  );
  const roots: SnapshotNode[] = [];
  for (const node of nodes.values()) {
    const parent = node.parent === undefined ? undefined : nodes.get(key(node.snapshotter, node.parent));
    (parent?.children ?? roots).push(node);
  }
  return roots;
}

/** Snapshotters at the margin. */
function drawn(roots: readonly SnapshotNode[], quiet: boolean): string {
  let text = '';
  for (const snapshotter of new Set(roots.map((root) => root.snapshotter))) {
    const own = roots.filter((root) => root.snapshotter === snapshotter);
    text += `${printable(snapshotter)}\n${drawTree(own, quiet ? ({ name }) => printable(name) : label)}`;
  }
  return text;
}

function label({ name, kind, used }: SnapshotNode): string {
  return `${printable(shortDigest(name))}${kind === 'committed' ? '' : ` (${kind})`}${used ? '' : ' (unused)'}`;
}
