import type { PruneVolumesOptions } from '@slipway/plugin-api';
import type { Action } from '../command.js';
import { confirm } from '../confirm.js';
import { readFilters } from '../filters.js';
import { withEngine } from '../host.js';
import { interruptible } from '../interruption.js';
import { printable, printableJson } from '../printable.js';
import { formatBytes } from '../units.js';

const command = 'volume prune';

export const volumePrune: Action = async (invocation) => {
  const { options, global, output } = invocation;
  const dryRun = options.flag('dryRun');
  const { label } = readFilters(command, options.list('filter'), ['label']);
  const wanted: PruneVolumesOptions = { all: options.flag('all'), labels: label, dryRun };
  const pruned = await interruptible(command, async (signal) => {
    const asks = !dryRun && !options.flag('force');
    if (asks && !(await confirm(invocation, warning(wanted), signal))) return undefined;
    return withEngine(invocation, (engine) => engine.volumes.prune({ ...wanted, signal }));
  });
  if (pruned === undefined) return 0;
  if (global.json) output.out(`${printableJson(pruned, 2)}\n`);
  else output.out(global.quiet ? lines(pruned.volumes) : lines(textOf(pruned, dryRun)));
  return 0;
};

function warning({ all, labels = [] }: PruneVolumesOptions): string {
  const which = all ? 'all volumes' : 'all anonymous volumes';
  return `This removes ${which} that no container has${labels.length > 0 ? ' and that match' : ''}, with everything in them.`;
}

function textOf(
  { volumes, bytes }: { readonly volumes: readonly string[]; readonly bytes: number },
  dryRun: boolean,
): readonly string[] {
  const [deleted, freed] = dryRun ? ['Would delete', 'Would free'] : ['Deleted', 'Freed'];
  return [...volumes.map((name) => `${deleted}: ${name}`), `${freed}: ${formatBytes(bytes)}`];
}

function lines(some: Iterable<string>): string {
  return [...some].map((line) => `${printable(line)}\n`).join('');
}
