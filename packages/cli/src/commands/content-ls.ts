import type { ContentDetails } from '@slipway/plugin-api';
import type { Action } from '../command.js';
import { withEngine } from '../host.js';
import { printable, printableJson } from '../printable.js';
import { shortDigest } from '../short-digest.js';
import { table } from '../table.js';
import { formatAge, formatBytes } from '../units.js';

export const contentLs: Action = async (invocation) => {
  const { global, output } = invocation;
  const content = await withEngine(invocation, (engine) => engine.system.content());
  if (global.json) output.out(`${printableJson(content, 2)}\n`);
  else if (global.quiet) output.out(content.map(({ digest }) => `${printable(digest)}\n`).join(''));
  else {
    const now = Date.now();
    output.out(
      table(
        ['DIGEST', 'SIZE', 'CREATED', 'USED', 'SOURCE'],
        content.map((blob) => row(blob, now)),
      ),
    );
  }
  return 0;
};

const source = 'containerd.io/distribution.source.';

function row({ digest, size, createdAt, used, labels }: ContentDetails, now: number): string[] {
  const sources = Object.entries(labels).flatMap(([label, repository]) =>
    label.startsWith(source) ? [`${label.slice(source.length)}/${repository}`] : [],
  );
  return [shortDigest(digest), formatBytes(size), formatAge(createdAt, now), used ? 'yes' : 'no', sources.join(' ')];
}
