import { type Step, stepChannel } from '@slipway/plugin-api';
import { emit } from '../../dist/events/emit.js';

// Emits so many events as `<name>-<n>`, from a process of its own, which is killed at a step if one is given.
const [state = '', name = '', count = '', killAt] = process.argv.slice(2);
stepChannel.subscribe((message) => {
  if ((message as Step).name === killAt) process.kill(process.pid, 'SIGKILL');
});
const fail = (message: string): never => {
  throw new Error(message);
};
const log = { debug: fail, info: fail, warn: fail, error: fail };
const parts = { settings: { state }, log } as unknown as Parameters<typeof emit>[0];
for (let number = 0; number < Number(count); number++)
  emit(parts, { type: 'container', action: 'test', id: `${name}-${number}`, attributes: { filler: 'x'.repeat(300) } });
