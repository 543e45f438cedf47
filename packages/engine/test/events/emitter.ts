import { emit } from '../../dist/events/emit.js';

// Emits so many events as `<name>-<n>`, from a process of its own.
const [state = '', name = '', count = ''] = process.argv.slice(2);
const fail = (message: string): never => {
  throw new Error(message);
};
const log = { debug: fail, info: fail, warn: fail, error: fail };
const parts = { settings: { state }, log } as unknown as Parameters<typeof emit>[0];
for (let number = 0; number < Number(count); number++)
  emit(parts, { type: 'container', action: 'test', id: `${name}-${number}`, attributes: { filler: 'x'.repeat(300) } });
