import 'reflect-metadata';
import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { digestOf, mediaTypes } from '@slipway/oci';
import { openPlugin } from '@slipway/plugin-testkit';
import { plugin } from '@slipway/resolver-archive';
import { afterAll, expect, test } from 'vitest';

const folder = mkdtempSync(path.join(tmpdir(), 'slipway-archive-'));
afterAll(() => rmSync(folder, { recursive: true }));
const dirs = { root: path.join(folder, 'root'), state: path.join(folder, 'state') };

function spoolsOpen(): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(path.join(dirs.root, 'spool-'));
    } catch {
      return false;
    }
  }).length;
}

test('a push to an archive that takes long to open is canceled before it is open, and the opening ends with the pusher', async () => {
  const file = path.join(folder, 'large.tar.gz');
  const piece = gzipSync(Buffer.alloc(1 << 24));
  writeFileSync(file, Buffer.concat(Array.from({ length: 1000 }, () => piece)));
  const bytes = Buffer.from('{}');
  const content = { offset: 0, body: (async function* () {})(), [Symbol.asyncDispose]: () => Promise.resolve() };
  const descriptor = { mediaType: mediaTypes.ociConfig, digest: digestOf(bytes), size: bytes.length };

  await using opened = await openPlugin(plugin, { dirs });
  const name = `oci-archive:${file}:1`;
  {
    const pusher = opened.instance.pusher?.(name);
    const stop = new AbortController();
    const pushing = pusher?.push(descriptor, { fetch: () => Promise.resolve(content) }, { signal: stop.signal });
    while (spoolsOpen() === 0) await sleep(1);
    stop.abort();
    await expect(pushing).rejects.toMatchObject({ kind: 'canceled' });
    expect(spoolsOpen()).toBe(1);
    await pusher?.[Symbol.asyncDispose]();
  }
  while (spoolsOpen() > 0) await sleep(1);
});
