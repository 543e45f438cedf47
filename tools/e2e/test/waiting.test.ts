import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type ImageName, imageLayout, readImage, startRegistry } from '@slipway/fixtures';
import { defineTable, type Engine, metadataPoint, type PullProgress } from '@slipway/plugin-api';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { runCommand, startCommand } from './child.ts';
import { leftInPlace } from './place.ts';
import { oneConnection, startSlowRegistry } from './slow-registry.ts';
import { placesInMemory } from './tmpfs.ts';
import { wrongPaths } from './trees.ts';

const newPlace = placesInMemory();

const registry = await startRegistry({ images: ['medium', 'demo', 'small'] });
afterAll(() => registry[Symbol.asyncDispose]());
const [lowest] = readImage(imageLayout('medium')).manifest.layers;
if (lowest === undefined) throw new Error('medium has layers');

type LayerEvent = Extract<PullProgress, { type: 'layer' }>;
const whileWaiting = { timeout: 60_000, interval: 5 };

/** A pull, and what it tells of one layer. */
function watchedPull(
  engine: Engine,
  image: string,
  digest: string,
): { readonly done: Promise<unknown>; readonly events: LayerEvent[] } {
  const events: LayerEvent[] = [];
  const onProgress = (event: PullProgress): void => {
    if (event.type === 'layer' && event.digest === digest) events.push(event);
  };
  return { done: engine.pull(image, { onProgress }), events };
}

const isPartOf = (phase: LayerEvent['phase']) => (event: LayerEvent) =>
  event.phase === phase && event.current > 0 && event.current < event.total;

describe('a pull that waits for another process', () => {
  it('shows how far its download is, and goes on from there when it is killed', async () => {
    using place = newPlace(oneConnection);
    let asked = 0;
    const sent = 8 * 1024 * 1024;
    const stall = (where: string): number | undefined => (where.includes(lowest.digest) && ++asked === 1 ? sent : undefined);
    await using slow = await startSlowRegistry(registry.address, stall);
    const image = `${slow.address}/test/medium:latest`;
    const other = startCommand(place, { action: 'pull', image });
    await slow.stalled;
    await using engine = await place.open();
    const { done, events } = watchedPull(engine, image, lowest.digest);
    await vi.waitFor(() => expect(events.some(isPartOf('downloading'))).toBe(true), whileWaiting);
    other.process.kill('SIGKILL');
    await done;
    const requests = slow.requests.filter(({ path: where }) => where.includes(lowest.digest));
    expect(requests).toHaveLength(2);
    const offset = Number(/^bytes=(\d+)-/.exec(requests[1]?.range ?? '')?.[1]);
    expect(offset).toBeGreaterThan(sent / 2);
    expect(offset).toBeLessThanOrEqual(sent);
    expect(events.at(-1)).toMatchObject({ phase: 'unpacked', current: lowest.size });
    expect(await wrongPaths(engine, image, 'medium')).toEqual([]);
    // The killed one had acquired more than what the other took over.
    await engine.images.list();
    expect(leftInPlace(place)).toEqual([]);
  });

  // The other may have the processor alone for the second that the layer takes.
  it('shows how far its unpacking is, and does not do it again', { retry: 3 }, async () => {
    using place = newPlace();
    const image = `${registry.address}/test/medium:latest`;
    const trace = path.join(place.folder, 'trace');
    await using engine = await place.open();
    const other = startCommand(place, { action: 'pull', image }, { trace });
    const steps = (): string[] => (existsSync(trace) ? readFileSync(trace, 'utf8').split('\n') : []);
    await vi.waitFor(() => expect(steps()).toContain('unpack.prepared'), whileWaiting);
    const { done, events } = watchedPull(engine, image, lowest.digest);
    await done;
    expect(await other.ended).toMatchObject({ status: 0 });
    const shown = events.filter(isPartOf('unpacking')).map(({ current }) => current);
    expect(shown.length).toBeGreaterThan(0);
    expect(shown).toEqual(shown.toSorted((a, b) => a - b));
    expect(events.at(-1)).toMatchObject({ phase: 'unpacked', current: lowest.size });
    expect(await wrongPaths(engine, image, 'medium')).toEqual([]);
    expect(leftInPlace(place)).toEqual([]);
  });

  it('ends at once when it is aborted, and leaves the other alone', async () => {
    using place = newPlace();
    await using slow = await startSlowRegistry(registry.address, (where) => (where.includes(lowest.digest) ? 'body' : undefined));
    const image = `${slow.address}/test/medium:latest`;
    const other = startCommand(place, { action: 'pull', image });
    await slow.stalled;
    await using engine = await place.open();
    const abort = new AbortController();
    const waiting = engine.pull(image, { signal: abort.signal, onProgress: ({ type }) => type === 'layer' && abort.abort() });
    await expect(waiting).rejects.toMatchObject({ kind: 'canceled' });
    expect(other.process.exitCode).toBeNull();
    other.process.kill('SIGKILL');
    await other.ended;
    await engine.images.list();
    expect(leftInPlace(place)).toEqual([]);
  });
});

describe('an engine that is open for long', () => {
  const image = `${registry.address}/test/demo:latest`;

  it('cleans up after processes that were killed since it was opened', async () => {
    using place = newPlace();
    await using engine = await place.open();
    await engine.images.list();
    for (const step of ['content.ingest.opened', 'unpack.prepared']) {
      const killed = await runCommand(place, { action: 'pull', image }, { kill: { step, nth: 1, whom: ['command'] } });
      expect(killed.signal).toBe('SIGKILL');
      expect(leftInPlace(place)).not.toEqual([]);
      await engine.images.list();
      expect(leftInPlace(place)).toEqual([]);
    }
    await engine.pull(image);
    expect(await wrongPaths(engine, image, 'demo')).toEqual([]);
  });

  it('sweeps at the end of a pull what an earlier one left for a retry that came too late', async () => {
    using place = newPlace();
    await using host = await place.openHost();
    const engine = await host.engine();
    await runCommand(place, { action: 'pull', image }, { kill: { step: 'pull.config', nth: 1, whom: ['command'] } });
    await engine.images.list();
    const metadata = await host.kernel.get(metadataPoint);
    const leases = defineTable('leases', (value) => value as { readonly expiresAt?: string });
    const ranOut = await metadata.write((tx) =>
      [...tx.entries(leases)].map(([key, lease]) => tx.put(leases, key, { ...lease, expiresAt: new Date(0).toISOString() })),
    );
    expect(ranOut).toHaveLength(1);
    const { content } = await engine.system.diskUsage();
    expect(content.reclaimable).toBeGreaterThan(0);
    await engine.pull(`${registry.address}/test/small:latest`);
    expect((await engine.system.content()).map(({ digest }) => digest).toSorted()).toEqual(contentOf('small'));
    expect(metadata.read((tx) => [...tx.entries(leases)])).toEqual([]);
  });
});

/** Digests of all that a pull of the image brings in. */
function contentOf(name: ImageName): string[] {
  const { top, manifestDigest, manifest } = readImage(imageLayout(name));
  const digests = [top.digest, manifestDigest, manifest.config.digest, ...manifest.layers.map(({ digest }) => digest)];
  return [...new Set(digests)].toSorted();
}
