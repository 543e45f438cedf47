import type { StoreRebuild } from 'slipway';
import type { Action } from '../command.js';
import { rebuildFor } from '../host.js';
import { interruptible } from '../interruption.js';
import { printable, printableJson } from '../printable.js';

export const systemRebuild: Action = async (invocation) => {
  const { global, output } = invocation;
  const rebuilt = await interruptible('system rebuild', (signal) => rebuildFor(invocation, signal));
  if (global.json) output.out(`${printableJson(rebuilt, 2)}\n`);
  else if (global.quiet) output.out(rebuilt.images.map(({ name }) => `${printable(name)}\n`).join(''));
  else output.out(rebuiltText(rebuilt));
  return rebuilt.damaged.length + rebuilt.lost.length === 0 && !rebuilt.namesUnknown ? 0 : 1;
};

const onlyContent =
  'Names: lost with the metadata and their copy; only content is restored. Pull what is needed: content that is here is not fetched again.';

function rebuiltText({ movedTo, blobs, images, damaged, lost, namesUnknown }: StoreRebuild): string {
  const lines = [
    ...(movedTo === undefined ? [] : [`Moved: ${movedTo}`]),
    ...images.map(({ name, target }) => `Restored: ${name} ${target.digest}`),
    ...damaged.map((digest) => `Damaged: ${digest}`),
    ...lost.map((name) => `Incomplete: ${name}, pull it again`),
    ...(namesUnknown ? [onlyContent] : []),
    `${images.length} images and ${blobs} blobs are in the books again. Snapshots are made anew when they are needed.`,
  ];
  return lines.map((line) => `${printable(line)}\n`).join('');
}
