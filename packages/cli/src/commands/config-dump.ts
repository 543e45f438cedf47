import type { Action } from '../command.js';
import { openHostFor } from '../host.js';
import { printableJson } from '../printable.js';

export const configDump: Action = async (invocation) => {
  await using host = await openHostFor(invocation);
  invocation.output.out(invocation.global.json ? `${printableJson(host.dump(), 2)}\n` : await host.dumpToml());
  return 0;
};
