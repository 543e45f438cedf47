import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { defineTable, metadataPoint } from '@slipway/plugin-api';
import { type OpenEngineOptions, openHost } from 'slipway';

const rows = defineTable<number>('curves', (value) => value as number);
await using host = await openHost(JSON.parse(process.argv[2] ?? '') as OpenEngineOptions);
const metadata = await host.kernel.get(metadataPoint);

let isOver = false;
process.stdin.on('end', () => {
  isOver = true;
});
process.stdin.resume();
let longestMs = 0;
await metadata.write((tx) => tx.put(rows, 'row', 0));
writeSync(3, 'ready');
while (!isOver) {
  const begin = performance.now();
  await metadata.write((tx) => tx.put(rows, 'row', begin));
  longestMs = Math.max(longestMs, performance.now() - begin);
  await sleep(5);
}
process.stdout.write(String(longestMs));
