import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {
  type BuiltinPlugin,
  type ConfigTable,
  Kernel,
  type KernelOptions,
  type LoadConfigOptions,
  loadConfig,
} from '@slipway/kernel';
import { isSlipwayError, type Plugin, type Point, type SlipwayError } from '@slipway/plugin-api';

export interface PackageSpec {
  /** Default: `@test/<id>`. */
  readonly package?: string;
  readonly provides: string;
  readonly id: string;
  readonly api?: string;
  readonly declares?: object;
  /** Further keys of the manifest. */
  readonly manifest?: object;
  /** Lines before the definition. */
  readonly prelude?: string;
  /** Properties of the definition, as JavaScript; replaces the default `activate`, which writes `up` and `down` to the journal. */
  readonly code?: string;
  /** Folder whose node_modules it goes into. */
  readonly into?: 'etc' | 'system' | 'installation';
}

/** Folders of their own with real packages and config files. */
export class Place implements Disposable {
  readonly dir = fs.mkdtempSync(path.join(os.tmpdir(), 'slipway-kernel-'));
  readonly etc = path.join(this.dir, 'etc');
  readonly system = path.join(this.dir, 'system');
  readonly installation = path.join(this.dir, 'installation');
  readonly root = path.join(this.dir, 'root');
  readonly state = path.join(this.dir, 'state');
  readonly #names: string[] = [];

  constructor() {
    for (const folder of [this.etc, this.system, this.installation]) fs.mkdirSync(folder);
    journal().length = 0;
  }

  /** Writes a package; `listed` ones are in plugins.standard. Returns its folder. */
  plugin(spec: PackageSpec, { listed = true } = {}): string {
    const { provides, id, api = '1.0', declares, into = 'installation' } = spec;
    const name = spec.package ?? `@test/${id}`;
    const folder = path.join(this[into], 'node_modules', name);
    fs.mkdirSync(folder, { recursive: true });
    const slipway = {
      plugin: './plugin.js',
      provides,
      id,
      api,
      ...(declares === undefined ? {} : { declares }),
      ...spec.manifest,
    };
    fs.writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ name, version: '1.2.3', type: 'module', slipway }));
    fs.writeFileSync(path.join(folder, 'plugin.js'), codeOf({ ...spec, api }));
    if (listed) this.#names.push(name);
    return folder;
  }

  config(toml: string, name = 'config.toml'): string {
    const file = path.join(this.etc, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, toml);
    return file;
  }

  get defaults(): ConfigTable {
    return {
      version: 1,
      root: this.root,
      state: this.state,
      plugins: { standard: this.#names, search: [], disabled: [] },
      stack: { metadata: 'm', content: 'c', resolver: 'r', snapshotter: ['s'], runtime: 't' },
    };
  }

  load(options: Partial<LoadConfigOptions> = {}): ReturnType<typeof loadConfig> {
    return loadConfig({ defaults: this.defaults, folders: [this.etc], env: {}, ...options });
  }

  async boot(options: Partial<KernelOptions> = {}): Promise<Kernel> {
    const config = options.config ?? (await this.load());
    return Kernel.boot({ config, builtin: stackPlugins(), places: this, ...options });
  }

  [Symbol.dispose](): void {
    fs.rmSync(this.dir, { recursive: true });
  }
}

function codeOf({ provides, id, api, declares, prelude = '', code = '' }: PackageSpec): string {
  return `
${prelude}
const journal = (globalThis.slipwayJournal ??= []);
const note = (what) => { journal.push(what); };
const named = (name) => ({ async [Symbol.asyncDispose]() { note('down ' + name); } });
note('load ${id}');
export const plugin = {
  provides: { id: '${provides}' }, id: '${id}', api: '${api}', declares: ${JSON.stringify(declares)},
  async activate({ own, needs, config, dirs }) {
    note('up ${id}');
    own(named('${id}'));
    return { instance: { id: '${id}', needs, config, dirs }, capabilities: { measured: true } };
  },
  ${code}
};
`;
}

/** What happened, in order: `load x`, `up x`, `down x`. */
export function journal(): string[] {
  const holder = globalThis as { slipwayJournal?: string[] };
  holder.slipwayJournal ??= [];
  return holder.slipwayJournal;
}

export function builtin(provides: string, id: string, extra: Partial<Plugin> = {}): BuiltinPlugin {
  const plugin: Plugin = { provides: { id: provides }, id, api: '1.0', activate: () => ({ instance: { id } }), ...extra };
  const { api, declares = {} } = plugin;
  return { manifest: { package: `@builtin/${id}`, version: '0.1.0', provides, id, api, declares }, load: async () => plugin };
}

/** Something for every key of [stack]. */
export function stackPlugins(): BuiltinPlugin[] {
  return [
    builtin('metadata.v1', 'm'),
    builtin('content.v1', 'c'),
    builtin('resolver.v1', 'r'),
    builtin('snapshotter.v1', 's', { declares: { produces: ['overlay'], layerTarget: 'overlay' } }),
    builtin('differ.v1', 'd', { declares: { writes: ['overlay'] } }),
    builtin('runtime.v1', 't', { declares: { accepts: ['overlay', 'bind'] } }),
  ];
}

export interface Instance {
  readonly id: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the test's plugin needs
  readonly needs: any;
  readonly config: Record<string, unknown>;
  readonly dirs: { readonly root: string; readonly state: string };
}

export const point = (id: string): Point<Instance> => ({ id });

export async function failure(promise: Promise<unknown>): Promise<SlipwayError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (isSlipwayError(error)) return error as SlipwayError;
  throw new Error(`expected a SlipwayError, found ${String(error)}`, { cause: error });
}
