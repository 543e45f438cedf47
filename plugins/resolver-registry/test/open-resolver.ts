import 'reflect-metadata';
import { type Logger, type PluginContainer, type Resolver, tokens } from '@slipway/plugin-api';
import { plugin } from '@slipway/resolver-registry';
import { container } from 'tsyringe';
import * as v from 'valibot';

const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** Activates the plugin as the kernel does, with a real child container. */
export async function openResolver(config: Readonly<Record<string, unknown>> = {}): Promise<Resolver & AsyncDisposable> {
  if (plugin.config === undefined) throw new Error('the plugin has a schema');
  const parsed = v.parse(plugin.config as never, { idle_timeout: 5, ...config }) as never;
  const child = container.createChildContainer();
  child.register(tokens.config, { useValue: parsed });
  const { instance } = await plugin.activate({
    config: parsed,
    needs: {},
    dirs: { root: '/nonexistent', state: '/nonexistent' },
    log: silent,
    signal: new AbortController().signal,
    container: child as PluginContainer,
    own: (resource) => resource,
    skip: (reason) => {
      throw new Error(reason);
    },
  });
  return instance as Resolver & AsyncDisposable;
}

export async function readAll(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export async function failureOf(promise: Promise<unknown>): Promise<Error & { kind: string; code: string; hint?: string }> {
  try {
    await promise;
  } catch (error) {
    return error as Error & { kind: string; code: string; hint?: string };
  }
  throw new Error('expected a rejection');
}
