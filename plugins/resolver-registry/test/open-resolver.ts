import 'reflect-metadata';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Resolver } from '@slipway/plugin-api';
import { openPlugin } from '@slipway/plugin-testkit';
import { plugin } from '@slipway/resolver-registry';

type Opened = Pick<Required<Resolver>, 'resolve' | 'fetcher' | 'login' | 'logout'> & AsyncDisposable;

/** The plugin with this configuration, and less patience than by default. */
export async function openResolver(
  config: Readonly<Record<string, unknown>> = {},
  warn: (message: string) => void = () => undefined,
): Promise<Opened> {
  const root = mkdtempSync(path.join(tmpdir(), 'slipway-resolver-'));
  const { instance, ...subject } = await openPlugin(plugin, {
    dirs: { root, state: root },
    // What is in the home and in the /etc of who runs the tests is none of theirs.
    config: { idle_timeout: 5, auth_file: path.join(root, 'auth.json'), config_path: [], ...config },
    log: { debug() {}, info() {}, warn, error() {} },
  });
  const { login, logout } = instance;
  if (login === undefined || logout === undefined) throw new Error('no login');
  return {
    login: login.bind(instance),
    logout: logout.bind(instance),
    resolve: (name, options) => instance.resolve(name, options),
    fetcher: (name) => instance.fetcher(name),
    async [Symbol.asyncDispose]() {
      await subject[Symbol.asyncDispose]();
      rmSync(root, { recursive: true });
    },
  };
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
