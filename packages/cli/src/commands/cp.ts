import type { Writable } from 'node:stream';
import { writeBytes } from '../binary-output.js';
import type { Action, Invocation } from '../command.js';
import { copyIn } from '../copy/copy-in.js';
import { copyOut } from '../copy/copy-out.js';
import { withPlaces } from '../copy/failure.js';
import { type CopyPlace, parsePlace } from '../copy/place.js';
import { withEngine } from '../host.js';
import { interruptible } from '../interruption.js';
import { isTerminal } from '../is-terminal.js';
import { printableJson } from '../printable.js';
import { usageError } from '../usage-error.js';

export const cp: Action = async (invocation) => {
  const { args, global, output } = invocation;
  const [source = '', destination = ''] = args;
  const [from, to] = [parsePlace(source), parsePlace(destination)];
  const isFrom = from.kind === 'container';
  if (isFrom && to.kind === 'container') throw usageError('cp', 'copying from one container to another is not possible');
  if (!isFrom && to.kind !== 'container') throw usageError('cp', 'one of the two must be in a container', 'as in web:/srv/file');
  await interruptible(`copy ${JSON.stringify(source)} to ${JSON.stringify(destination)}`, async (signal) => {
    try {
      await (isFrom ? copyFrom(invocation, from, to, signal) : copyTo(invocation, from, to, signal));
    } catch (error) {
      throw withPlaces(source, destination, error);
    }
  });
  if (global.json && to.kind !== 'stream') output.out(`${printableJson({ source, destination }, 2)}\n`);
  return 0;
};

async function copyFrom(
  invocation: Invocation,
  { container: name, path }: CopyPlace & { readonly kind: 'container' },
  to: CopyPlace,
  signal: AbortSignal,
): Promise<void> {
  const { options, output } = invocation;
  const followLink = options.flag('followLink');
  const out = (stream: Writable): Promise<void> =>
    withEngine(invocation, async (engine) => {
      const container = await engine.containers.get(name);
      await container.copyFrom(path, stream, { followLink, signal });
    });
  if (to.kind === 'stream') return await writeBytes('cp', undefined, out);
  await withEngine(invocation, async (engine) => {
    const container = await engine.containers.get(name);
    if (to.kind === 'local')
      await copyOut(container, path, to.path, { followLink, archive: options.flag('archive'), signal, output });
  });
}

async function copyTo(invocation: Invocation, from: CopyPlace, to: CopyPlace, signal: AbortSignal): Promise<void> {
  if (to.kind !== 'container' || from.kind === 'container') return;
  const { options } = invocation;
  const [archive, followLink] = [options.flag('archive'), options.flag('followLink')];
  if (from.kind === 'stream' && isTerminal(0)) throw usageError('cp', 'stdin is a terminal, expected a tar file', 'give a pipe');
  await withEngine(invocation, async (engine) => {
    const container = await engine.containers.get(to.container);
    if (from.kind === 'local') await copyIn(container, from.path, to.path, { followLink, archive, signal });
    else await container.copyTo(to.path, process.stdin, { keepOwners: archive, signal });
  });
}
