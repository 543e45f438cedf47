import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fill } from './fill.ts';
import { type Measured, type OperationName, operations } from './operation.ts';
import { startWaiter } from './waiter.ts';

const usage = `usage: npm run bench:curves -- [--images N,N,...] [--json FILE]
What listing and collecting garbage cost as a store grows. Each image has five blobs of its own.`;

const { values } = parseArgs({
  options: { images: { type: 'string', default: '200,2000,20000' }, json: { type: 'string' } },
});
const sizes = values.images.split(',').map(Number);
if (!sizes.every((size) => Number.isSafeInteger(size) && size > 0)) {
  process.stderr.write(`${usage}\n`);
  process.exit(2);
}

const rows: (Measured & { readonly images: number; readonly longestWaitMs: number })[] = [];
for (const images of sizes) {
  const folder = mkdtempSync(path.join(tmpdir(), 'slipway-curves-'));
  try {
    const config = path.join(folder, 'config.toml');
    writeFileSync(config, 'version = 1\n', { mode: 0o600 });
    const options = { config, root: path.join(folder, 'root'), state: path.join(folder, 'state') };
    await fill(options, images);
    for (const name of operations) {
      const waiter = await startWaiter(options);
      const measured = measure(name, options);
      rows.push({ ...measured, images, longestWaitMs: await waiter.end() });
      process.stderr.write(`${images} images: ${name}: ${measured.wallMs.toFixed(0)} ms\n`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
process.stdout.write(`${table()}\n`);
if (values.json !== undefined) writeFileSync(values.json, JSON.stringify({ at: new Date().toISOString(), rows }, null, 2));

/** In a process of its own, so that its memory is its own. */
function measure(name: OperationName, options: object): Measured {
  const program = fileURLToPath(import.meta.resolve('./operation-process.ts'));
  const out = execFileSync(process.execPath, [program, name, JSON.stringify(options)], { encoding: 'utf8' });
  return JSON.parse(out) as Measured;
}

function table(): string {
  const head = ['operation', 'blobs', 'images', 'wall', 'CPU', 'peak memory', 'longest turn', 'longest wait of another writer'];
  const cells = rows
    .toSorted((a, b) => operations.indexOf(a.name) - operations.indexOf(b.name) || a.images - b.images)
    .map((row) => [
      row.name,
      String(row.images * 5),
      String(row.images),
      `${row.wallMs.toFixed(0)} ms`,
      `${row.cpuMs.toFixed(0)} ms`,
      `${Math.round(row.peakBytes / 2 ** 20)} MiB`,
      `${row.longestTurnMs.toFixed(0)} ms`,
      `${row.longestWaitMs.toFixed(0)} ms`,
    ]);
  return [head, head.map(() => '---'), ...cells].map((row) => `| ${row.join(' | ')} |`).join('\n');
}
