import type { Action } from '../command.js';
import { withEngine } from '../host.js';
import { printable, printableJson } from '../printable.js';
import { defaultRegistry } from './login.js';

export const logout: Action = async (invocation) => {
  const { args, global, output } = invocation;
  const [host = defaultRegistry] = args;
  const { store } = await withEngine(invocation, (engine) => engine.registries.logout(host, { stack: global.stack }));
  if (global.json) output.out(`${printableJson({ host, store }, 2)}\n`);
  else output.out(global.quiet ? `${printable(host)}\n` : `Logged out of ${printable(host)} (${printable(store)})\n`);
  return 0;
};
