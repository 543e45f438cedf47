import type { Action } from '../command.js';
import { withEngine } from '../host.js';
import { printable, printableJson } from '../printable.js';
import { usageError } from '../usage-error.js';

const command = 'volume create';

export const volumeCreate: Action = async (invocation) => {
  const { args, options, global, output } = invocation;
  const volume = await withEngine(invocation, (engine) =>
    engine.volumes.create({
      name: args[0],
      driver: options.text('driver'),
      labels: pairs('--label', options.list('label'), false),
      options: pairs('--opt', options.list('opt'), true),
    }),
  );
  output.out(global.json ? `${printableJson(volume, 2)}\n` : `${printable(volume.name)}\n`);
  return 0;
};

/** `needsValue`: `name=value`, else `name` alone stands for an empty one. Undefined when none is given. */
function pairs(flag: string, values: readonly string[], needsValue: boolean): Readonly<Record<string, string>> | undefined {
  if (values.length === 0) return undefined;
  const found = new Map<string, string>();
  for (const value of values) {
    const equals = value.indexOf('=');
    const name = equals === -1 ? value : value.slice(0, equals);
    if (name === '' || (needsValue && equals === -1)) {
      throw usageError(command, `${flag} ${JSON.stringify(value)}, expected NAME=VALUE`);
    }
    if (found.has(name)) throw usageError(command, `${flag} has ${JSON.stringify(name)} twice`);
    found.set(name, equals === -1 ? '' : value.slice(equals + 1));
  }
  return Object.fromEntries(found);
}
