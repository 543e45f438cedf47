import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { TarReader } from '@slipway/layers';
import { type LinuxSystem, linux } from '@slipway/linux';
import type { ContentStore, Differ } from '@slipway/plugin-api';
import { memoryContent, type OpenDiffer } from '@slipway/plugin-testkit';
import { type DifferParts, PlainDiffer, uncompressed } from './plain-differ.ts';

/** The sound differ with some methods replaced, which may call the sound ones. */
export function broken(
  change: (sound: PlainDiffer, content: ContentStore) => Partial<Differ & AsyncDisposable>,
  parts: Partial<DifferParts> = {},
): OpenDiffer {
  return async () => {
    const content = memoryContent();
    const sound = new PlainDiffer(content, parts);
    const changed = change(sound, content);
    const differ: Differ & AsyncDisposable = {
      apply: (...args) => sound.apply(...args),
      stage: (...args) => sound.stage(...args),
      compare: (...args) => sound.compare(...args),
      [Symbol.asyncDispose]: () => sound[Symbol.asyncDispose](),
      ...changed,
    };
    return {
      instance: { differ, content },
      capabilities: { stage: true, compare: true },
      [Symbol.asyncDispose]: () => differ[Symbol.asyncDispose](),
    };
  };
}

export const brokenParts = (parts: Partial<DifferParts>): OpenDiffer => broken(() => ({}), parts);

/** The system calls with some replaced. */
export function brokenSystem(change: Partial<LinuxSystem>): OpenDiffer {
  return brokenParts({
    system: new Proxy(linux, {
      get(target, name) {
        const changed: unknown = Reflect.get(change, name);
        if (changed !== undefined) return changed;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    }),
  });
}

/** A sound application, and then something done to the target. */
export function afterApply(
  spoil: (path: string, layer: readonly LayerEntry[]) => void,
  parts: Partial<DifferParts> = {},
): OpenDiffer {
  return broken(
    (sound, content) => ({
      apply: async (layer, target, options) => {
        const descriptor = await sound.apply(layer, target, options);
        spoil(target.path, await entriesOf(content, layer.digest));
        return descriptor;
      },
    }),
    parts,
  );
}

export interface LayerEntry {
  readonly name: string;
  readonly type: string;
  readonly link: string;
}

async function entriesOf(content: ContentStore, digest: string): Promise<LayerEntry[]> {
  const entries: LayerEntry[] = [];
  await using blob = await content.readerAt(digest);
  const bytes = Buffer.alloc(blob.size);
  await blob.read(bytes, 0);
  const reader = new TarReader(
    {
      entry: ({ path, type, linkTarget }) => void entries.push({ name: path, type, link: linkTarget }),
      data: () => undefined,
      fileEnd: () => undefined,
    },
    { headerBytes: 1 << 20, entries: 1e6, depth: 512, unpackedBytes: 2 ** 40 },
  );
  for await (const chunk of uncompressed(bytes)) reader.push(chunk);
  reader.end();
  return entries;
}

/** Paths of everything below a folder. No link is followed: one of a layer may lead to the host. */
export function pathsBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    // A name that is no UTF-8 does not come back as it is.
    if (!existsSync(path) && !entry.isSymbolicLink()) return [];
    return entry.isDirectory() ? [path, ...pathsBelow(path)] : [path];
  });
}

/** A path below the target, unless a link on the way leads elsewhere. */
export function inside(target: string, name: string): string | undefined {
  const path = join(target, name);
  const parent = existsSync(dirname(path)) ? realpathSync(dirname(path)) : undefined;
  return parent === target || parent?.startsWith(`${target}/`) ? path : undefined;
}

/** Its uncompressed bytes, with names of entries changed into others of the same length. */
export async function* replaced(blob: Buffer, from: string, to: string): AsyncIterable<Uint8Array> {
  const bytes = Buffer.concat(await Array.fromAsync(uncompressed(blob)));
  for (let at = bytes.indexOf(from); at >= 0; at = bytes.indexOf(from, at)) {
    bytes.write(to, at);
    const header = bytes.subarray(at - (at % 512), at - (at % 512) + 512);
    header.fill(0x20, 148, 156);
    header.write(
      `${header
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, '0')}\0 `,
      148,
      'latin1',
    );
  }
  yield bytes;
}
