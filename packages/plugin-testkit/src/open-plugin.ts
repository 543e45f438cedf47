import { mkdirSync } from 'node:fs';
import {
  canceled,
  type Logger,
  type Needs,
  type PluginContainer,
  type PluginContext,
  type PluginDefinition,
  type PluginDirs,
  type ResolvedNeeds,
  SlipwayError,
  tokens,
} from '@slipway/plugin-api';
import type { Subject } from './subject.js';

export interface OpenPluginOptions<N extends Needs> {
  /** The plugin's own folders; made, 0700, where they are not there. */
  readonly dirs: PluginDirs;
  /** The plugin's section of a config file. Empty when absent. */
  readonly config?: Readonly<Record<string, unknown>> | undefined;
  /** What is wired to the plugin. Absent for a plugin that needs nothing. */
  readonly needs?: ResolvedNeeds<N> | undefined;
  /** Silent when absent. */
  readonly log?: Logger | undefined;
}

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * Activates one plugin alone, as the kernel does: its configuration checked, its folders made, its values in a child container of tsyringe
 * (the test imports `reflect-metadata` first). Disposing releases what the plugin owns, last first.
 *
 * Errors: `invalid-argument` (the configuration), `failed-precondition` with the code `PLUGIN_SKIPPED` (this host cannot run it), and what
 * the activation throws.
 */
export async function openPlugin<T, C, N extends Needs>(
  plugin: PluginDefinition<T, C, N>,
  { dirs, config = {}, needs = {} as ResolvedNeeds<N>, log = silent }: OpenPluginOptions<N>,
): Promise<Subject<T>> {
  for (const folder of [dirs.root, dirs.state]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const abort = new AbortController();
  const owned = new AsyncDisposableStack();
  const values = { config: await checkedConfig(plugin, config), needs, dirs, log, signal: abort.signal };
  try {
    const { instance, capabilities = {} } = await plugin.activate({
      ...values,
      container: await containerOf(values),
      own: (resource) => owned.use(resource),
      skip(reason, hint) {
        throw new SlipwayError({ kind: 'failed-precondition', code: 'PLUGIN_SKIPPED', message: `skipped: ${reason}`, hint });
      },
    });
    return {
      instance,
      capabilities,
      folder: dirs.root,
      async [Symbol.asyncDispose]() {
        abort.abort(canceled(`plugin "${plugin.id}"`));
        await owned.disposeAsync();
      },
    };
  } catch (error) {
    abort.abort(error);
    await owned.disposeAsync();
    throw error;
  }
}

async function checkedConfig<T, C, N extends Needs>(
  { id, config: schema }: PluginDefinition<T, C, N>,
  config: Readonly<Record<string, unknown>>,
): Promise<C> {
  const invalid = (why: string): SlipwayError =>
    new SlipwayError({ kind: 'invalid-argument', code: 'CONFIG_INVALID', message: `config of plugin "${id}": ${why}` });
  if (schema === undefined) {
    const [key] = Object.keys(config);
    if (key !== undefined) throw invalid(`unknown key "${key}": it takes no configuration`);
    return {} as C;
  }
  const checked = await schema['~standard'].validate(config);
  if (checked.issues !== undefined) throw invalid(checked.issues.map(({ message }) => message).join('; '));
  return checked.value;
}

/** Like the kernel's: tsyringe is imported late, because a plugin that builds its classes itself does without it. */
async function containerOf<C, N extends Needs>(
  context: Omit<PluginContext<C, N>, 'container' | 'own' | 'skip'>,
): Promise<PluginContainer> {
  const { container } = await import('tsyringe');
  const child = container.createChildContainer();
  const values: [token: string, value: unknown][] = [
    [tokens.config, context.config],
    [tokens.dirs, context.dirs],
    [tokens.log, context.log],
    [tokens.signal, context.signal],
    ...Object.entries(context.needs).map(([name, value]): [string, unknown] => [tokens.need(name), value]),
  ];
  // tsyringe takes a provider whose value is undefined (an optional need without a plugin) for no provider at all.
  for (const [token, value] of values) child.register(token, { useFactory: () => value });
  return child;
}
