import { writeSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { defineTable } from '@slipway/plugin-api';
import { openStore } from './open-store.ts';

/**
 * A process on the store: `node store-child.ts <root> <name> write|open|stop`. Until its input ends it writes rows without a pause, and looks for each
 * one after it was acknowledged; or it opens the store, writes a row and closes it, again and again. It says `.` each time, and which rows
 * were lost at its end. Or it says `.` within a transaction, and stops itself there.
 */
const [root = '', name = '', work = ''] = process.argv.slice(2);
const rows = defineTable('rows', (value: unknown) => value);
let isOver = false;
process.stdin.resume().on('end', () => {
  isOver = true;
});

const lost: string[] = [];
let count = 0;
type Store = Awaited<ReturnType<typeof openStore>>['store'];

async function add(store: Store): Promise<void> {
  const key = `${name}/${count++}`;
  await store.write((tx) => tx.put(rows, key, 'x'.repeat((count * 97) % 3000)));
  if (store.read((tx) => tx.get(rows, key)) === undefined) lost.push(`${key} just after`);
  writeSync(1, '.');
}

if (work === 'stop') {
  await using opened = await openStore(root);
  await opened.store.write(() => {
    writeSync(1, '.');
    process.kill(process.pid, 'SIGSTOP');
  });
} else if (work === 'write') {
  await using opened = await openStore(root);
  while (!isOver) await add(opened.store);
} else {
  while (!isOver) {
    await using opened = await openStore(root);
    await add(opened.store);
    await setImmediate();
  }
}
{
  await using opened = await openStore(root);
  const found = opened.store.read((tx) => new Set([...tx.entries(rows, { prefix: `${name}/` })].map(([key]) => key)));
  for (let index = 0; index < count; index++) if (!found.has(`${name}/${index}`)) lost.push(`${name}/${index}`);
}
writeSync(2, lost.join(' '));
