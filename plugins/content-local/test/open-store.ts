import 'reflect-metadata';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { plugin } from '@slipway/content-local';
import { type ContentStore, type Logger, tokens } from '@slipway/plugin-api';
import { container as rootContainer } from 'tsyringe';

const log: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** Activates the plugin on `root` as the kernel does. */
export async function openStore(root: string): Promise<AsyncDisposable & { readonly store: ContentStore }> {
  const owned = new AsyncDisposableStack();
  const container = rootContainer.createChildContainer();
  const dirs = { root, state: root };
  container.register(tokens.dirs, { useValue: dirs });
  try {
    const { instance } = await plugin.activate({
      config: {},
      needs: {},
      dirs,
      log,
      signal: new AbortController().signal,
      container,
      own: (resource) => owned.use(resource),
      skip: (reason) => {
        throw new Error(reason);
      },
    });
    return { store: instance, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  } catch (error) {
    await owned.disposeAsync();
    throw error;
  }
}

export function temporaryFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'slipway-content-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
