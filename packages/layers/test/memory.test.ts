import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { expect, test } from 'vitest';
import { Stack } from './stack.js';
import { unended } from './tar-builder.js';

/** Applies what comes by its standard input, in a process whose memory nothing else fills, and tells the most it took. */
const child = `
  import { readFileSync } from 'node:fs';
  import { applyLayer, stageLayer } from '@slipway/layers';
  import { linux } from '@slipway/linux';
  const [, path, way] = process.argv;
  if (way === 'stage') await stageLayer(process.stdin, { format: 'overlay', path, lower: [] }, { system: linux });
  else await applyLayer(process.stdin, { format: 'directory', path, lower: [] }, { system: linux });
  console.log(/^VmHWM:\\s*(\\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
`;

const large = 1_000_000;
const dots = './'.repeat(large / 2);
const detour = `${'n'.repeat(246)}/../`.repeat(large / 250);
const entries = 200;

test.each<[string, (name: string) => Buffer, way?: 'apply' | 'stage']>([
  ['a path of a megabyte to a directory', (name) => unended({ name: 'x', type: '5', pax: { path: `${dots}${name}` } })],
  ['a path of a megabyte to a file', (name) => unended({ name: 'x', pax: { path: `${dots}${name}` } })],
  ['a link target of a megabyte for a directory', (name) => unended({ name, type: '5', pax: { linkpath: dots } })],
  [
    "a megabyte of overlayfs' marks",
    (name) => unended({ name, type: '5', pax: { 'SCHILY.xattr.trusted.overlay.x': Buffer.alloc(large) } }),
  ],
  [
    'an extended attribute in a header of a megabyte',
    (name) => unended({ name, type: '5', pax: { 'SCHILY.xattr.user.x': 'x', comment: dots } }),
  ],
  [
    'a path of a megabyte that a staged layer makes a note of',
    (name) => unended({ name: 'x', pax: { path: `${detour}${name}/../${name}-implied/x` } }),
    'stage',
  ],
  [
    'a whiteout of a megabyte in a staged layer',
    (name) => unended({ name: 'x', pax: { path: `${detour}d/.wh.${name}` } }),
    'stage',
  ],
])('%s does not stay in memory for each entry', async (_, entry, way = 'apply') => {
  using stack = new Stack();
  function* pieces(): Iterable<Buffer> {
    for (let index = 0; index < entries; index++) yield entry(`entry-of-a-long-name-${index}`);
    yield Buffer.alloc(1024);
  }
  const applying = spawn(process.execPath, ['--input-type=module', '-e', child, stack.directory, way], {
    cwd: import.meta.dirname,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(applying, 'close');
  const [kibibytes] = await Promise.all([text(applying.stdout), pipeline(Readable.from(pieces()), applying.stdin)]);
  expect(await ended).toEqual([0, null]);
  // Kept, they would take 190 MiB beside the 85 to 165 of the process itself.
  expect(Number(kibibytes) / 1024).toBeLessThan(240);
});
