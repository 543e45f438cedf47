import { defineTable, type WriteTransaction } from '@slipway/plugin-api';
import * as v from 'valibot';
import { containersTable, takeName } from './containers.js';
import { rowName, rowPrefix } from './rows.js';

const firstSchema = v.object({
  image: v.string(),
  operation: v.string(),
  manifest: v.string(),
  chainId: v.nullable(v.string()),
  snapshotter: v.string(),
  snapshotKey: v.string(),
  runtime: v.string(),
  createdAt: v.string(),
});

const firstTable = defineTable('containers', (value) => v.parse(firstSchema, value));
const SIGTERM = 15;

/** In the tables of version 1 a container's name was its id, and every container went with its command. */
export function nameContainers(tx: WriteTransaction): void {
  for (const [key, row] of [...tx.entries(firstTable, { prefix: rowPrefix })]) {
    const name = rowName(key);
    tx.put(containersTable, key, {
      ...row,
      name,
      settings: {},
      command: [],
      stopSignal: SIGTERM,
      labels: {},
      removeAtExit: true,
      wanted: 'running',
      volumes: [],
    });
    takeName(tx, name, name);
  }
}
