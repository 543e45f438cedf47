import type { Action } from '../command.js';
import { withEngine } from '../host.js';
import { runContainer } from '../run/run-container.js';
import { runRequestOf } from '../run/run-options.js';

export const run: Action = async (invocation) => {
  const request = runRequestOf(invocation);
  return await withEngine(invocation, (engine) => runContainer(engine, request, invocation));
};
