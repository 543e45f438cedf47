import 'reflect-metadata';
import { basename, join } from 'node:path';
import { openPlugin, resolverLaws } from '@slipway/plugin-testkit';
import { plugin } from '@slipway/resolver-registry';
import { afterAll, describe, it } from 'vitest';
import { DockerRegistry } from './docker-registry.js';
import { RegistryOrigin } from './registry-origin.js';

const registry = await DockerRegistry.start();
afterAll(() => registry[Symbol.asyncDispose]());

const password = 'correct-horse';
const encoded = Buffer.from(`alice:${password}`).toString('base64');

await resolverLaws(
  { describe, it },
  async (root) => {
    const opened = new AsyncDisposableStack();
    const origin = opened.use(await RegistryOrigin.start(registry, `laws-${basename(root).toLowerCase()}`, `Basic ${encoded}`));
    const { instance: resolver, ...subject } = await openPlugin(plugin, {
      dirs: { root: join(root, 'plugin'), state: join(root, 'state') },
      config: { idle_timeout: 1, auth: { [origin.host]: { username: 'alice', password } } },
    });
    opened.use(subject);
    return { ...subject, instance: { resolver, origin }, [Symbol.asyncDispose]: () => opened.disposeAsync() };
  },
  { manifest: new URL('../package.json', import.meta.url), secrets: [password, encoded] },
);
