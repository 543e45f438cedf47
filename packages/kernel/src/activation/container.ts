import { type Needs, type PluginContainer, type PluginContext, tokens } from '@slipway/plugin-api';

/**
 * A plugin's own child container, with the parts of its context as values. tsyringe is imported when the first plugin is activated:
 * commands that only read manifests and configuration do without it. It needs `reflect-metadata`, which the entry of the process imports.
 */
export async function makeContainer(
  context: Omit<PluginContext<unknown, Needs>, 'container' | 'own' | 'skip'>,
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
