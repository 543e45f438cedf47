import { writeSync } from 'node:fs';
import { defineTable } from '@slipway/plugin-api';
import { openStore } from './open-store.ts';

/** A process that writes between the lines `begin` and `done`: `node writer.ts <root> once|together`. */
const [root = '', mode = ''] = process.argv.slice(2);
const rows = defineTable('rows', (value: unknown) => value);
const { store } = await openStore(root);

writeSync(1, 'begin\n');
await Promise.all(
  Array.from({ length: mode === 'together' ? 100 : 1 }, (_, index) => store.write((tx) => tx.put(rows, String(index), 1))),
);
writeSync(1, 'done\n');
