import { type Change, type Engine, hasCode } from '@slipway/plugin-api';
import type { Action } from '../command.js';
import { withEngine } from '../host.js';
import { interruptible } from '../interruption.js';
import { printable, printableJson } from '../printable.js';
import { neitherContainerNorImage } from './inspect.js';

/** As `docker diff` marks them. */
const marks: Readonly<Record<Change['kind'], string>> = { added: 'A', changed: 'C', deleted: 'D' };

export const diff: Action = async (invocation) => {
  const { args, global, output } = invocation;
  const [first = '', second] = args;
  const changes = await withEngine(invocation, (engine) =>
    interruptible(`diff ${JSON.stringify(first)}`, (signal) =>
      second === undefined
        ? ofContainerOrImage(engine, first, global.stack, signal)
        : engine.images.diff(first, second, { stack: global.stack, signal }),
    ),
  );
  if (global.json) output.out(`${printableJson(changes, 2)}\n`);
  else output.out(changes.map(({ path, kind }) => `${global.quiet ? '' : `${marks[kind]} `}${printable(path)}\n`).join(''));
  return 0;
};

async function ofContainerOrImage(
  engine: Engine,
  name: string,
  stack: string | undefined,
  signal: AbortSignal,
): Promise<readonly Change[]> {
  try {
    return await engine.containers.diff(name, { signal });
  } catch (error) {
    if (!hasCode(error, 'CONTAINER_NOT_FOUND')) throw error;
    try {
      return await engine.images.diff(name, undefined, { stack, signal });
    } catch (missing) {
      throw hasCode(missing, 'IMAGE_NOT_FOUND') ? neitherContainerNorImage(name) : missing;
    }
  }
}
