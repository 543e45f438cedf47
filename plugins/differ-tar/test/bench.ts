import 'reflect-metadata';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { plugin } from '@slipway/differ-tar';
import type { Differ, LayerTarget, Logger } from '@slipway/plugin-api';
import { openPlugin } from '@slipway/plugin-testkit';
import { ContentFolder } from './content-folder.js';

/** The plugin, activated as the kernel does it, with a folder for blobs and targets. */
export class Bench implements AsyncDisposable {
  readonly folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-differ-'));
  readonly state = path.join(this.folder, 'state');
  readonly warnings: string[] = [];
  readonly content: ContentFolder;
  readonly #owned = new AsyncDisposableStack();
  #targets = 0;

  constructor(options: { readonly givesFd?: boolean } = {}) {
    mkdirSync(this.state);
    this.content = new ContentFolder(path.join(this.folder, 'blobs'), options);
  }

  async differ(config: Readonly<Record<string, unknown>> = {}): Promise<Differ> {
    const ignore = (): void => undefined;
    const log: Logger = { debug: ignore, info: ignore, error: ignore, warn: (message) => this.warnings.push(message) };
    const dirs = { root: this.folder, state: this.state };
    const subject = await openPlugin(plugin, { dirs, config, needs: { content: this.content.store }, log });
    return this.#owned.use(subject).instance;
  }

  target(format: 'directory' | 'overlay' = 'directory', lower: LayerTarget['lower'] = []): LayerTarget {
    const target = { format, path: path.join(this.folder, `target${this.#targets++}`), lower };
    mkdirSync(target.path);
    return target;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
