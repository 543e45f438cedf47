import type { ContainerFilters, ContainerStatus, ContainerSummary, Engine } from '@slipway/plugin-api';
import type { Action, Invocation } from '../command.js';
import { portsText } from '../containers/ports-text.js';
import { shortId } from '../containers/short-id.js';
import { statusText } from '../containers/status-text.js';
import { oneOf, onlyValue, readFilters } from '../filters.js';
import { withEngine } from '../host.js';
import { wholeNumber } from '../numbers.js';
import { printable, printableJson } from '../printable.js';
import { shortName } from '../short-name.js';
import { table } from '../table.js';
import { formatBytes, formatSpan } from '../units.js';

/** What a container has written, in bytes. */
type Sized = ContainerSummary & { readonly size?: number };

export const ps: Action = async (invocation) => {
  const { options, global, output } = invocation;
  const filters = filtersOf(options.list('filter'));
  const last = options.flag('latest') ? 1 : wholeNumber('ps', '--last', options.text('last'));
  const all = options.flag('all') || last !== undefined || filters.status !== undefined || filters.exited !== undefined;
  const containers = await withEngine(invocation, async (engine) => {
    const listed = await engine.containers.list({ all, filters });
    const shown = last === undefined ? listed : listed.slice(0, last);
    return options.flag('size') ? await withSizes(engine, shown) : shown;
  });
  if (global.json) output.out(`${printableJson(containers, 2)}\n`);
  else output.out(textOf(containers, invocation));
  return 0;
};

function textOf(containers: readonly Sized[], { options, global }: Invocation): string {
  const isWhole = options.flag('trunc') === false;
  const idOf = (id: string): string => (isWhole ? id : shortId(id));
  if (global.quiet) return containers.map(({ id }) => `${printable(idOf(id))}\n`).join('');
  const now = Date.now();
  const withSize = options.flag('size');
  return table(
    ['CONTAINER ID', 'IMAGE', 'COMMAND', 'CREATED', 'STATUS', 'PORTS', 'NAMES', ...(withSize ? ['SIZE'] : [])],
    containers.map((container) => [
      idOf(container.id),
      isWhole ? container.image : shortName(container.image),
      commandText(container.command, isWhole),
      `${formatSpan(now - Date.parse(container.createdAt))} ago`,
      statusText(container, now),
      portsText(container.ports),
      container.name,
      ...(withSize ? [container.size === undefined ? 'unknown' : formatBytes(container.size)] : []),
    ]),
  );
}

const longestCommand = 20;

/** In quotes and cut, as docker does. */
function commandText(command: readonly string[], isWhole: boolean): string {
  const characters = [...command.join(' ')];
  const isShort = isWhole || characters.length <= longestCommand;
  const shown = isShort ? characters.join('') : `${characters.slice(0, longestCommand - 1).join('')}…`;
  return `"${shown.replaceAll(/["\\]/g, '\\$&')}"`;
}

const kinds = ['id', 'name', 'label', 'status', 'exited', 'ancestor', 'volume', 'health', 'before', 'since'] as const;
const states: readonly ContainerStatus[] = ['created', 'running', 'paused', 'restarting', 'exited'];

function filtersOf(given: readonly string[]): ContainerFilters {
  const found = readFilters('ps', given, kinds);
  const some = <T>(values: readonly T[]): readonly T[] | undefined => (values.length === 0 ? undefined : values);
  return {
    id: some(found.id),
    name: some(found.name),
    label: some(found.label),
    status: some(oneOf('ps', 'status', found.status, states)),
    exited: some(found.exited.map((code) => wholeNumber('ps', 'the filter exited', code))),
    ancestor: some(found.ancestor),
    volume: some(found.volume),
    health: some(oneOf('ps', 'health', found.health, ['starting', 'healthy', 'unhealthy', 'none'])),
    before: onlyValue('ps', 'before', found.before),
    since: onlyValue('ps', 'since', found.since),
  };
}

/** Reads what every snapshot takes. */
async function withSizes(engine: Engine, containers: readonly ContainerSummary[]): Promise<readonly Sized[]> {
  const snapshots = await engine.system.snapshots({ usage: true });
  return Promise.all(
    containers.map(async (container) => {
      const { snapshotKey } = await engine.containers.inspect(container.id);
      const own = snapshots.find(({ snapshotter, name }) => snapshotter === container.snapshotter && name === snapshotKey);
      return own?.usage === undefined ? container : { ...container, size: own.usage.bytes };
    }),
  );
}
