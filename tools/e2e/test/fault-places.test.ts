import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { bundleName } from '../src/faults/bundle-name.ts';
import { type Places, placeAt } from '../src/faults/places.ts';
import { bundleWorkers } from '../src/faults/worker-bundles.ts';

const repository = path.resolve(import.meta.dirname, '../../..');
const workers = [
  'packages/differ/dist/worker.js',
  'plugins/content-local/dist/worker.js',
  'packages/snapshots/dist/tree-worker.js',
];

it('a call in the bundle of a thread has the place that it has without a bundle', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'slipway-e2e-places-'));
  try {
    await bundleWorkers(repository, folder);
    for (const worker of workers) {
      const bundle = path.join(folder, bundleName(worker));
      const places = JSON.parse(readFileSync(bundle.replace(/mjs$/, 'json'), 'utf8')) as Places;
      const calls = readFileSync(bundle, 'utf8')
        .split('\n')
        .flatMap((text, index) =>
          [...text.matchAll(/\b(\w+Sync|linux\.\w+)\(/g)].map(({ 1: call = '', index: at }) => ({
            call,
            line: index + 1,
            column: at + 1,
          })),
        );
      const ours = calls.flatMap(({ call, line, column }) => {
        const [file = '', from = ''] = placeAt(places, line, column)?.split(':') ?? [];
        return /^(packages|plugins)\/[^/]+\/dist\//.test(file) ? [{ call, file, from: Number(from) }] : [];
      });
      expect(ours.length).toBeGreaterThan(5);
      for (const { call, file, from } of ours) {
        const text = readFileSync(path.join(repository, file), 'utf8').split('\n')[from - 1];
        expect(text, `${file}:${from}`).toContain(call);
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
