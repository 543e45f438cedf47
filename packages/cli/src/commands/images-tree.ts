import type { LayerNode } from '@slipway/plugin-api';
import type { Action } from '../command.js';
import { drawTree } from '../draw-tree.js';
import { withEngine } from '../host.js';
import { printable, printableJson } from '../printable.js';
import { shortDigest } from '../short-digest.js';
import { formatBytes } from '../units.js';

export const imagesTree: Action = async (invocation) => {
  const { global, output } = invocation;
  const roots = await withEngine(invocation, (engine) => engine.images.tree());
  if (global.json) output.out(`${printableJson(roots, 2)}\n`);
  else output.out(drawTree(roots, global.quiet ? ({ chainId }) => printable(chainId) : label));
  return 0;
};

function label({ chainId, size, names }: LayerNode): string {
  const bytes = size === undefined ? '' : ` ${formatBytes(size)}`;
  return `${printable(shortDigest(chainId))}${bytes}${names.map((name) => ` ${printable(name)}`).join(',')}`;
}
