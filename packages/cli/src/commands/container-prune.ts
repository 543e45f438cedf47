import type { PruneContainersOptions, PrunedContainers } from '@slipway/plugin-api';
import type { Action, Invocation } from '../command.js';
import { confirm } from '../confirm.js';
import { shortId } from '../containers/short-id.js';
import { onlyValue, readFilters } from '../filters.js';
import { withEngine } from '../host.js';
import { interruptible } from '../interruption.js';
import { parseMoment } from '../moment.js';
import { printable, printableJson } from '../printable.js';
import { formatBytes } from '../units.js';

const command = 'container prune';

export const containerPrune: Action = async (invocation) => {
  const wanted = wantedOf(invocation);
  const pruned = await interruptible(command, async (signal) => {
    const asks = wanted.dryRun !== true && !invocation.options.flag('force');
    if (asks && !(await confirm(invocation, warning(wanted), signal))) return undefined;
    return withEngine(invocation, (engine) => engine.containers.prune({ ...wanted, signal }));
  });
  if (pruned !== undefined) show(invocation, pruned, wanted.dryRun === true);
  return 0;
};

function wantedOf({ options }: Invocation): PruneContainersOptions {
  const { until, label } = readFilters(command, options.list('filter'), ['until', 'label']);
  const before = onlyValue(command, 'until', until);
  return {
    labels: label,
    until: before === undefined ? undefined : parseMoment(command, 'the filter until', before),
    volumes: options.flag('volumes'),
    dryRun: options.flag('dryRun'),
  };
}

function warning({ labels = [], until, volumes }: PruneContainersOptions): string {
  const which =
    labels.length > 0 || until !== undefined ? 'all containers that do not run and match' : 'all containers that do not run';
  return `This removes ${which}, with what they have written${volumes === true ? ' and their anonymous volumes' : ''}.`;
}

function show({ global, output }: Invocation, pruned: PrunedContainers, dryRun: boolean): void {
  const { containers, bytes } = pruned;
  if (global.json) output.out(`${printableJson(pruned, 2)}\n`);
  else if (global.quiet) output.out(containers.map((id) => `${printable(id)}\n`).join(''));
  else {
    const [deleted, freed] = dryRun ? ['Would delete', 'Would free'] : ['Deleted', 'Freed'];
    const lines = [...containers.map((id) => `${deleted}: ${shortId(id)}`), `${freed}: ${formatBytes(bytes)}`];
    output.out(lines.map((line) => `${printable(line)}\n`).join(''));
  }
}
