import { subscribe } from 'node:diagnostics_channel';
import { openEnvironment } from '../dist/environment.js';

/** `node migrate-child.ts <root> <steps> [kill at]`: opens the store with so many migrations, each of which counts the row `count` up. */
const [root = '', steps = '0', killAt] = process.argv.slice(2);
subscribe('slipway:step', (message) => {
  if ((message as { name: string }).name === killAt) process.kill(process.pid, 'SIGKILL');
});
const key = Buffer.from('count');
const environment = await openEnvironment(
  root,
  Array.from({ length: Number(steps) }, () => (rows) => {
    rows.putSync(key, Buffer.from(String(Number(rows.get(key) ?? 0) + 1)));
  }),
);
process.stdout.write(String(environment.rows.get(key) ?? 0));
await environment[Symbol.asyncDispose]();
