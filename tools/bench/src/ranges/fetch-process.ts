import 'reflect-metadata';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Resolver } from '@slipway/plugin-api';
import { openPlugin } from '@slipway/plugin-testkit';
import { plugin } from '@slipway/resolver-registry';

/** Fetches one layer and hashes it, nothing else, and prints what that took. */
const [name = '', mediaType = '', digest = '', size = '', connections = ''] = process.argv.slice(2);
const root = mkdtempSync(path.join(tmpdir(), 'slipway-fetch-'));
try {
  const config = connections === '' ? {} : { connections_per_layer: Number(connections) };
  await using subject = await openPlugin(plugin, { dirs: { root, state: root }, config });
  const resolver: Resolver = subject.instance;
  // What is loaded late is not of the layer.
  await resolver.resolve(name);
  const before = process.resourceUsage().maxRSS;
  const start = performance.now();
  await using content = await resolver.fetcher(name).fetch({ mediaType, digest, size: Number(size) });
  const hash = createHash('sha256');
  for await (const chunk of content.body) hash.update(chunk);
  const wallMs = performance.now() - start;
  if (`sha256:${hash.digest('hex')}` !== digest) throw new Error('what was fetched is not the layer');
  const peakKiB = process.resourceUsage().maxRSS;
  process.stdout.write(JSON.stringify({ wallMs, peakBytes: peakKiB * 1024, grownBytes: (peakKiB - before) * 1024 }));
} finally {
  rmSync(root, { recursive: true });
}
