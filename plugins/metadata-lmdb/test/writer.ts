import { writeSync } from 'node:fs';
import { defineTable } from '@slipway/plugin-api';
import { openStore } from './open-store.ts';

/** A process that writes until it is killed: `node writer.ts <root> <name> <mode>`. It prints what was acknowledged. */
const [root = '', name = '', mode = ''] = process.argv.slice(2);
const rows = defineTable('rows', (value: unknown) => value);
const sums = defineTable('sums', (value: unknown): number => Number(value));
const say = (line: string): void => void writeSync(1, `${line}\n`);
const { store } = await openStore(root);

if (mode === 'forever') {
  for (let index = 0; ; index++) {
    await store.write((tx) => {
      // The sum is always the number of rows: half a commit would show.
      for (const half of ['a', 'b']) tx.put(rows, `${name}/${String(index).padStart(6, '0')}/${half}`, 'x'.repeat(index % 3000));
      tx.put(sums, 'rows', (tx.get(sums, 'rows') ?? 0) + 2);
    });
    say(String(index));
  }
}
if (mode === 'once') {
  say('begin');
  await store.write((tx) => tx.put(rows, name, 1));
  say('done');
}
if (mode === 'together') {
  say('begin');
  await Promise.all(Array.from({ length: 100 }, (_, index) => store.write((tx) => tx.put(rows, String(index), 1))));
  say('done');
}
if (mode === 'stop') {
  await store.write((tx) => {
    tx.put(rows, name, 1);
    say('stopped');
    process.kill(process.pid, 'SIGSTOP');
  });
  say('done');
}
