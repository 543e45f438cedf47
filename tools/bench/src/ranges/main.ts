import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { finishLayout, OCI, putBlob, putJson, putManifest, startRegistry, tarOf } from '@slipway/fixtures';
import { median } from '../report.ts';
import { defaultWindow, type Link, SlowLink } from './slow-link.ts';

/** What several connections for one large layer gain on links of several kinds, against one connection. */

const MIB = 2 ** 20;
const { values } = parseArgs({ options: { rounds: { type: 'string', default: '3' }, mib: { type: 'string', default: '208' } } });

const near: Link = { delayMs: 0, windowBytes: Number.POSITIVE_INFINITY };
const links: readonly (readonly [name: string, link: Link])[] = [
  ['loopback', near],
  ['50 ms each way', { delayMs: 50, windowBytes: defaultWindow }],
  ['20 MB/s a connection', { ...near, bytesPerSecond: 20e6 }],
  ['25 ms each way, 20 MB/s a connection', { delayMs: 25, bytesPerSecond: 20e6, windowBytes: defaultWindow }],
  ['50 ms each way, 20 MB/s a connection', { delayMs: 50, bytesPerSecond: 20e6, windowBytes: defaultWindow }],
];

interface Fetched {
  readonly wallMs: number;
  readonly peakBytes: number;
}

const folder = mkdtempSync(path.join(tmpdir(), 'slipway-ranges-'));
try {
  await using registry = await startRegistry();
  const { layout, layer } = writeLayout(path.join(folder, 'layout'), Number(values.mib));
  await registry.push(layout, 'ranges/layer', 'latest');
  process.stdout.write(
    '| link | one connection: s, peak MiB | ranged: s, peak MiB | connections | one / ranged |\n|---|---|---|---|---|\n',
  );
  for (const [name, link] of links) {
    const found: Record<'one' | 'ranged', Fetched[]> = { one: [], ranged: [] };
    let connections = 0;
    for (let round = 0; round < Number(values.rounds); round += 1)
      for (const how of ['one', 'ranged'] as const) {
        await using slow = await SlowLink.to(Number(registry.address.split(':')[1]), link);
        found[how].push(await fetched(`${slow.address}/ranges/layer:latest`, layer, how));
        if (how === 'ranged') connections = Math.max(connections, slow.connections);
      }
    const seconds = (how: 'one' | 'ranged'): number => median(found[how].map(({ wallMs }) => wallMs)) / 1000;
    const cell = (how: 'one' | 'ranged'): string =>
      `${seconds(how).toFixed(2)}, ${(median(found[how].map(({ peakBytes }) => peakBytes)) / MIB).toFixed(0)}`;
    const ratio = (seconds('one') / seconds('ranged')).toFixed(2);
    process.stdout.write(`| ${name} | ${cell('one')} | ${cell('ranged')} | ${connections} | ${ratio} |\n`);
  }
} finally {
  rmSync(folder, { recursive: true });
}

async function fetched(name: string, layer: ReturnType<typeof putBlob>, how: 'one' | 'ranged'): Promise<Fetched> {
  const script = path.join(import.meta.dirname, 'fetch-process.ts');
  const args = [script, name, layer.mediaType, layer.digest, String(layer.size), ...(how === 'one' ? ['1'] : [])];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout) as Fetched;
}

/** An image of one layer that does not compress. */
function writeLayout(layout: string, mib: number): { readonly layout: string; readonly layer: ReturnType<typeof putBlob> } {
  mkdirSync(layout);
  const members = Array.from({ length: Math.ceil(mib / 16) }, (_, index) => ({
    path: `file-${index}`,
    body: randomBytes(16 * MIB),
  }));
  const layer = putBlob(layout, `${OCI}.layer.v1.tar`, tarOf(members));
  const config = putJson(layout, `${OCI}.config.v1+json`, {
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: [layer.digest] },
  });
  finishLayout(layout, putManifest(layout, `${OCI}.manifest.v1+json`, config, [layer]));
  return { layout, layer };
}
