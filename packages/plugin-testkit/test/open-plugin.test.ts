import 'reflect-metadata';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { contentPoint, definePlugin, metadataPoint, tokens } from '@slipway/plugin-api';
import { memoryContent, memoryMetadata, openPlugin } from '@slipway/plugin-testkit';
import { container } from 'tsyringe';
import { afterEach, beforeEach, expect, it } from 'vitest';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'slipway-open-plugin-'));
});
afterEach(() => rmSync(root, { recursive: true }));
const dirs = () => ({ root: join(root, 'a', 'root'), state: join(root, 'a', 'state') });

it('gives a plugin what the kernel gives, and releases in reverse', async () => {
  const released: string[] = [];
  const metadata = memoryMetadata();
  const seen: { signal?: AbortSignal } = {};
  const plugin = definePlugin({
    provides: contentPoint,
    id: 'test',
    api: '1.0',
    needs: { metadata: metadataPoint },
    activate: ({ needs, dirs: { root: folder, state }, container: child, signal, own }) => {
      expect(needs.metadata).toBe(metadata);
      for (const path of [folder, state]) expect(statSync(path).mode & 0o777).toBe(0o700);
      const values = child as unknown as typeof container;
      expect(values.resolve(tokens.need('metadata'))).toBe(metadata);
      expect(values.resolve(tokens.dirs)).toEqual(dirs());
      expect(values.resolve(tokens.config)).toEqual({});
      seen.signal = signal;
      for (const name of ['first', 'second']) own({ [Symbol.dispose]: () => void released.push(name) });
      return { instance: memoryContent(), capabilities: { labels: true } };
    },
  });
  const subject = await openPlugin(plugin, { dirs: dirs(), needs: { metadata } });
  expect(subject.capabilities).toEqual({ labels: true });
  expect(subject.folder).toBe(dirs().root);
  expect(seen.signal?.aborted).toBe(false);
  await subject[Symbol.asyncDispose]();
  await subject[Symbol.asyncDispose]();
  expect(seen.signal?.aborted).toBe(true);
  expect(released).toEqual(['second', 'first']);
  expect(container.isRegistered(tokens.dirs)).toBe(false);
});

it('releases what a failed or skipped activation had acquired', async () => {
  const released: string[] = [];
  const plugin = definePlugin({
    provides: contentPoint,
    id: 'test',
    api: '1.0',
    activate: ({ own, skip }) => {
      own({ [Symbol.dispose]: () => void released.push('it') });
      return skip('this host has no such thing', 'get one');
    },
  });
  const opened = openPlugin(plugin, { dirs: dirs() });
  await expect(opened).rejects.toMatchObject({ code: 'PLUGIN_SKIPPED', hint: 'get one' });
  expect(released).toEqual(['it']);
});

it('refuses configuration of a plugin that takes none', async () => {
  const plugin = definePlugin({
    provides: contentPoint,
    id: 'test',
    api: '1.0',
    activate: () => ({ instance: memoryContent() }),
  });
  await expect(openPlugin(plugin, { dirs: dirs(), config: { a: 1 } })).rejects.toMatchObject({ kind: 'invalid-argument' });
});
