import type { Action } from '../command.js';
import { withEngine } from '../host.js';
import { interruptible } from '../interruption.js';
import { printable, printableJson } from '../printable.js';
import { table } from '../table.js';
import { formatBytes } from '../units.js';
import { usageError } from '../usage-error.js';

export const referrers: Action = async (invocation) => {
  const { args, options, global, output } = invocation;
  const [ref] = args;
  if (ref === undefined) throw usageError('referrers', 'the name of an image is missing');
  const artifactType = options.text('artifactType');
  const found = await withEngine(invocation, (engine) =>
    interruptible(`referrers of ${JSON.stringify(ref)}`, (signal) =>
      engine.images.referrers(ref, { artifactType, stack: global.stack, signal }),
    ),
  );
  if (global.json) output.out(`${printableJson(found, 2)}\n`);
  else if (global.quiet) output.out(found.map(({ digest }) => `${printable(digest)}\n`).join(''));
  else {
    const rows = found.map((one) => [one.artifactType ?? one.mediaType, one.digest, formatBytes(one.size)]);
    output.out(table(['TYPE', 'DIGEST', 'SIZE'], rows));
  }
  return 0;
};
