import type { Action } from '../command.js';
import { openHostFor } from '../host.js';

export const configDefault: Action = async (invocation) => {
  await using host = await openHostFor(invocation);
  invocation.output.out(await host.defaultToml());
  return 0;
};
