import 'reflect-metadata';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { plugin } from '@slipway/differ-erofs';
import type { ContentStore, Descriptor, Differ, LayerTarget, LayerTree, Logger } from '@slipway/plugin-api';
import { memoryContent, openPlugin, putBlob } from '@slipway/plugin-testkit';

/** The plugin with a content store in memory, and a folder of its own for each image. */
export class Bench implements AsyncDisposable {
  readonly folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-differ-erofs-'));
  readonly content: ContentStore = memoryContent();
  readonly warnings: string[] = [];
  readonly #owned = new AsyncDisposableStack();
  #made = 0;

  async differ(config: Readonly<Record<string, unknown>> = {}): Promise<Differ> {
    const dirs = { root: path.join(this.folder, 'root'), state: path.join(this.folder, 'state') };
    const ignore = (): void => undefined;
    const log: Logger = { debug: ignore, info: ignore, error: ignore, warn: (message) => this.warnings.push(message) };
    return this.#owned.use(await openPlugin(plugin, { dirs, config, needs: { content: this.content }, log })).instance;
  }

  async put(layer: Buffer): Promise<Descriptor> {
    return await putBlob(this.content, layer);
  }

  target(lower: readonly LayerTree[] = []): LayerTarget {
    const place = path.join(this.folder, String(this.#made++));
    mkdirSync(place);
    return { format: 'erofs', path: path.join(place, 'layer.erofs'), lower };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
    rmSync(this.folder, { recursive: true });
  }
}
