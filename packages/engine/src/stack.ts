import { type Differ, isSlipwayError, type Resolver, type Runtime, SlipwayError, type Snapshotter } from '@slipway/plugin-api';
import type { EngineParts, StackSettings } from './settings.js';

/** A stack whose parts are activated when they are asked for. */
export interface ActiveStack {
  readonly name: string;
  resolver(): Promise<Resolver>;
  snapshotter(): Promise<{ readonly id: string; readonly snapshotter: Snapshotter }>;
  differ(): Promise<Differ>;
  readonly runtimeId: string;
  runtime(): Promise<Runtime>;
  /** Absent: its containers join no network. */
  readonly networkId: string | undefined;
}

export function activeStack(parts: EngineParts, name = parts.settings.defaultStack): ActiveStack {
  const settings = Object.hasOwn(parts.settings.stacks, name) ? parts.settings.stacks[name] : undefined;
  if (settings === undefined) {
    throw new SlipwayError({
      kind: 'not-found',
      code: 'STACK_UNKNOWN',
      message: `stack ${JSON.stringify(name)} is not in the config; there is ${Object.keys(parts.settings.stacks).join(', ')}`,
      hint: 'add a [stacks.NAME] table to the config or choose another --stack',
    });
  }
  return stackOf(parts, name, settings);
}

/** The default stack with this snapshotter and a differ that fits it: for what was unpacked with it, whichever stack that was. */
export function stackWith(parts: EngineParts, snapshotterId: string): ActiveStack {
  const name = parts.settings.defaultStack;
  const { differ: _, ...chosen } = parts.settings.stacks[name] ?? { resolver: '', runtime: '' };
  return stackOf(parts, name, { ...chosen, snapshotter: [snapshotterId] });
}

function stackOf(parts: EngineParts, name: string, settings: StackSettings): ActiveStack {
  let chosen: ReturnType<ActiveStack['snapshotter']> | undefined;
  const snapshotter: ActiveStack['snapshotter'] = () => {
    chosen ??= firstUsableSnapshotter(parts, settings);
    return chosen;
  };
  return {
    name,
    resolver: () => parts.resolvers.get(settings.resolver),
    snapshotter,
    differ: async () => parts.differs.get(settings.differ ?? differFor(parts, (await snapshotter()).id)),
    runtimeId: settings.runtime,
    runtime: () => parts.runtimes.get(settings.runtime),
    networkId: settings.network,
  };
}

/** The first snapshotter of the preference list that this host can run; the notice says when it is not the first. */
async function firstUsableSnapshotter(parts: EngineParts, settings: StackSettings): ReturnType<ActiveStack['snapshotter']> {
  const refused: string[] = [];
  for (const id of settings.snapshotter) {
    try {
      const snapshotter = await parts.snapshotters.get(id);
      if (refused.length > 0) parts.log.warn(`using snapshotter "${id}": ${refused.join('; ')}`);
      return { id, snapshotter };
    } catch (error) {
      const last = id === settings.snapshotter.at(-1);
      if (last || !isSlipwayError(error) || error.code !== 'PLUGIN_SKIPPED') throw error;
      refused.push(error.message);
    }
  }
  throw new SlipwayError({
    kind: 'failed-precondition',
    code: 'SNAPSHOTTER_NONE',
    message: 'the stack names no snapshotter',
    hint: 'set stack.snapshotter in the config',
  });
}

function differFor(parts: EngineParts, snapshotterId: string): string {
  const target = parts.snapshotters.declares(snapshotterId)?.['layerTarget'];
  const fitting = parts.differs.ids.find((id) => {
    const writes = parts.differs.declares(id)?.['writes'];
    return Array.isArray(writes) && writes.includes(target);
  });
  if (fitting !== undefined) return fitting;
  throw new SlipwayError({
    kind: 'failed-precondition',
    code: 'DIFFER_NONE',
    message: `no differ writes the layer target ${JSON.stringify(target)} of snapshotter "${snapshotterId}"`,
    hint: 'install a differ plugin for it, or choose another snapshotter',
  });
}
