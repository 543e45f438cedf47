import 'reflect-metadata';
import { createRequire } from 'node:module';
import {
  type BuiltinPlugin,
  type Config,
  type DumpedValue,
  defaultStack,
  defaultToml,
  dumpConfig,
  dumpToml,
  Kernel,
  loadConfig,
  type Problem,
} from '@slipway/kernel';
import { apiVersion, type Engine, enginePoint, SlipwayError } from '@slipway/plugin-api';
import { defaultConfig } from './defaults.js';
import type { OpenEngineOptions } from './options.js';

/** The kernel with Slipway's configuration, and no plugin active: what `plugins ls`, `config` and `doctor` work with. */
export class Host implements AsyncDisposable {
  constructor(
    readonly kernel: Kernel,
    /** Every file, the environment and the options, merged and checked. */
    readonly config: Config,
  ) {}

  /** Activates the engine and what it needs at once. Errors: as `Kernel.get`. */
  engine(): Promise<Engine> {
    return this.kernel.get(enginePoint);
  }

  /** The default configuration as commented TOML, with the settings of every enabled plugin. */
  async defaultToml(): Promise<string> {
    return defaultToml(defaultConfig, await this.kernel.schemas());
  }

  /** The effective configuration as TOML, with the source of each value as a comment. */
  dumpToml(): Promise<string> {
    return dumpToml(this.config);
  }

  /** The same as plain data. */
  dump(): DumpedValue[] {
    return dumpConfig(this.config);
  }

  /** All that is wrong with plugins, their settings, the graph and the stacks. Loads all code, activates nothing. */
  check(): Promise<Problem[]> {
    return this.kernel.check();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kernel[Symbol.asyncDispose]();
  }
}

/** Errors: all problems of configuration and manifests in one; its parts by `problemsOf`. */
export async function bootHost(options: OpenEngineOptions): Promise<Host> {
  const config = await loadConfig({
    defaults: defaultConfig,
    file: options.config,
    flags: [
      { name: 'option settings', table: options.settings ?? {} },
      { name: 'option root', table: { root: options.root } },
      { name: 'option state', table: { state: options.state } },
    ],
  });
  const kernel = await Kernel.boot({
    config,
    builtin: [engineOf(config, options)],
    places: { system: '/usr/lib/slipway/plugins', installation: import.meta.dirname },
    log: options.log,
  });
  return new Host(kernel, config);
}

function engineOf(config: Config, options: OpenEngineOptions): BuiltinPlugin {
  const { settings, stacks } = config;
  const stack = options.stack ?? defaultStack;
  if (!Object.hasOwn(stacks, stack)) {
    throw new SlipwayError({
      kind: 'not-found',
      code: 'STACK_UNKNOWN',
      message: `stack "${stack}" is not in the configuration, found ${Object.keys(stacks).join(', ')}`,
      hint: `add [stacks.${stack}] to a config file`,
    });
  }
  const { name, version } = createRequire(import.meta.url)('@slipway/engine/package.json') as { name: string; version: string };
  return {
    manifest: { package: name, version, provides: enginePoint.id, id: 'slipway', api: apiVersion, declares: {} },
    load: async () => {
      const { enginePlugin } = await import('@slipway/engine');
      return enginePlugin({
        root: settings.root,
        state: settings.state,
        stacks,
        defaultStack: stack,
        pull: { discardUnpackedLayers: settings.pull.discard_unpacked_layers },
        defaultNetwork: settings.default_network,
        afterEnd: async (record) => (await import('./after-end.js')).afterEndOf(record, options, config),
      });
    },
  };
}
