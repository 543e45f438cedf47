import type { Action } from '../command.js';
import { withEngine } from '../host.js';

export const imagesUnmount: Action = async (invocation) => {
  const [directory = ''] = invocation.args;
  await withEngine(invocation, (engine) => engine.images.unmount(directory));
  return 0;
};
