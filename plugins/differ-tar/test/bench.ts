import 'reflect-metadata';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { plugin } from '@slipway/differ-tar';
import type { Differ, LayerTarget, Logger } from '@slipway/plugin-api';
import { tokens } from '@slipway/plugin-api';
import { container } from 'tsyringe';
import { ContentFolder } from './content-folder.js';

/** The plugin, activated as the kernel does it, with a folder for blobs and targets. */
export class Bench implements AsyncDisposable {
  readonly folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-differ-'));
  readonly state = path.join(this.folder, 'state');
  readonly warnings: string[] = [];
  readonly content: ContentFolder;
  #owned: (Disposable | AsyncDisposable)[] = [];
  #targets = 0;

  constructor(options: { readonly givesFd?: boolean } = {}) {
    mkdirSync(this.state);
    this.content = new ContentFolder(path.join(this.folder, 'blobs'), options);
  }

  async differ(config: Parameters<typeof plugin.activate>[0]['config'] | Record<string, number> = {}): Promise<Differ> {
    const validated = await plugin.config?.['~standard'].validate(config);
    if (!validated || validated.issues) throw new Error(`config: ${validated?.issues?.map((issue) => issue.message).join()}`);
    const dirs = { root: this.folder, state: this.state };
    const ignore = (): void => undefined;
    const log: Logger = { debug: ignore, info: ignore, error: ignore, warn: (message) => this.warnings.push(message) };
    const child = container.createChildContainer();
    const values = {
      [tokens.config]: validated.value,
      [tokens.dirs]: dirs,
      [tokens.log]: log,
      [tokens.need('content')]: this.content.store,
    };
    for (const [token, useValue] of Object.entries(values)) child.register(token, { useValue });
    const { instance } = await plugin.activate({
      config: validated.value,
      needs: { content: this.content.store },
      dirs,
      log,
      signal: new AbortController().signal,
      container: child,
      own: (resource) => {
        this.#owned.push(resource);
        return resource;
      },
      skip: (reason) => {
        throw new Error(reason);
      },
    });
    return instance;
  }

  target(format: 'directory' | 'overlay' = 'directory', lower: LayerTarget['lower'] = []): LayerTarget {
    const target = { format, path: path.join(this.folder, `target${this.#targets++}`), lower };
    mkdirSync(target.path);
    return target;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const resource of this.#owned.reverse())
      if (Symbol.asyncDispose in resource) await resource[Symbol.asyncDispose]();
      else resource[Symbol.dispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
