import { hasCode, type RemovedImage } from '@slipway/plugin-api';
import type { Action } from '../command.js';
import { withEngine } from '../host.js';
import { printable, printableJson } from '../printable.js';
import { formatBytes } from '../units.js';
import { forEachName } from './for-each-name.js';
import { reportFailures } from './report-failures.js';

export const rmi: Action = async (invocation) => {
  const { args, options, global, output } = invocation;
  const force = options.flag('force');
  const removed: RemovedImage[] = [];
  const failed = await withEngine(invocation, (engine) =>
    // As docker: with -f it is as good when it has gone already.
    forEachName(
      invocation,
      args,
      async (name) => {
        const image = await engine.images.remove(name, { force });
        removed.push(image);
        if (!global.json) output.out(global.quiet ? `${printable(image.name)}\n` : removedText(image));
      },
      { forgives: (error) => force && hasCode(error, 'IMAGE_NOT_FOUND') },
    ),
  );
  if (global.json) output.out(`${printableJson(removed, 2)}\n`);
  const left = reportFailures(
    invocation,
    removed.flatMap(({ failures }) => failures),
  );
  return failed ? 1 : left;
};

function removedText({ name, content, bytes }: RemovedImage): string {
  const deleted = content.map((digest) => `Deleted: ${printable(digest)}\n`).join('');
  return `Untagged: ${printable(name)}\n${deleted}${content.length > 0 ? `Freed: ${formatBytes(bytes)}\n` : ''}`;
}
