import { isSlipwayError, type RestartedContainer } from '@slipway/plugin-api';
import type { Action, Invocation } from '../command.js';
import { forEachContainer } from '../containers/for-each-container.js';
import { errorReport } from '../error-report.js';
import { withEngine } from '../host.js';
import { interruptible } from '../interruption.js';
import { printable, printableJson } from '../printable.js';
import { usageError } from '../usage-error.js';
import { stopOptionsOf } from './stop.js';

export const restart: Action = async (invocation) => {
  const { args, options } = invocation;
  const boot = options.flag('boot');
  if (boot === args.length > 0)
    throw usageError('restart', boot ? '--boot chooses the containers itself' : 'missing required argument "container"');
  if (boot) return restartAfterBoot(invocation);
  const stopping = stopOptionsOf('restart', options);
  // One after the other: one may join namespaces of another.
  return forEachContainer(invocation, { atOnce: 1 }, async (container, signal) => {
    await container.restart({ ...stopping, signal });
    return { id: container.id, name: container.name };
  });
};

async function restartAfterBoot(invocation: Invocation): Promise<number> {
  const { global, output } = invocation;
  const restarted = await withEngine(invocation, (engine) =>
    interruptible('restart --boot', (signal) => engine.containers.restartAfterBoot({ signal })),
  );
  if (global.json) output.out(`${printableJson(restarted.map(plain), 2)}\n`);
  for (const { name, error } of restarted) {
    if (error !== undefined) output.err(errorReport(error, global));
    else if (!global.json) output.out(`${printable(name)}\n`);
  }
  return restarted.some(({ error }) => error !== undefined) ? 1 : 0;
}

function plain({ id, name, error }: RestartedContainer): object {
  if (error === undefined) return { id, name };
  return {
    id,
    name,
    error: isSlipwayError(error) ? { kind: error.kind, code: error.code, message: error.message } : String(error),
  };
}
