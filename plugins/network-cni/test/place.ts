import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Network } from '@slipway/plugin-api';
import { onHosts, type TestHost, type TestNamespace } from '@slipway/plugin-testkit';
import { describe, it } from 'vitest';
import { ScriptPlugins } from './script-plugin.ts';
import { opener } from './subject.ts';
import { temporaryFolder } from './temporary-folder.ts';

export interface Place {
  readonly root: string;
  readonly host: TestHost;
  readonly network: Network;
  readonly plugins: ScriptPlugins;
  /** Puts a configuration into the host's folder. */
  configure(file: string, configuration: unknown): void;
  attach(
    id: string,
    network: string,
    rest?: Partial<Parameters<Network['attach']>[0]>,
    namespace?: TestNamespace,
  ): ReturnType<Network['attach']>;
}

const hosts = onHosts({ describe, it });

/** A test with networks on a host of its own. */
export function test(name: string, body: (place: Place) => Promise<void>, config: Readonly<Record<string, unknown>> = {}): void {
  hosts.runner.it(name, async () => {
    using folder = temporaryFolder();
    const root = folder.path;
    const plugins = new ScriptPlugins(root);
    await using subject = await opener({ plugin_folders: plugins.folders, ...config })(root);
    const host = hosts.use();
    const network = subject.instance;
    mkdirSync(path.join(root, 'net.d'));
    await body({
      root,
      host,
      network,
      plugins,
      configure: (file, configuration) => writeFileSync(path.join(root, 'net.d', file), JSON.stringify(configuration)),
      attach: async (id, to, rest = {}, namespace = host.namespace()) =>
        await network.attach({ names: [id], networks: [{ network: to }], ...rest, id, namespace: namespace.path }),
    });
  });
}
