import type { Action } from '../command.js';
import { confirm } from '../confirm.js';
import { readFilters } from '../filters.js';
import { withEngine } from '../host.js';
import { interruptible } from '../interruption.js';
import { printable, printableJson } from '../printable.js';

export const networkPrune: Action = async (invocation) => {
  const { name: command, options, global, output } = invocation;
  const dryRun = options.flag('dryRun');
  const { label: labels } = readFilters(command, options.list('filter'), ['label']);
  const pruned = await interruptible(command, async (signal) => {
    const asks = !dryRun && !options.flag('force');
    if (asks && !(await confirm(invocation, warning(labels), signal))) return undefined;
    return withEngine(invocation, (engine) => engine.networks.prune({ labels, dryRun, signal }));
  });
  if (pruned === undefined) return 0;
  const verb = global.quiet ? '' : dryRun ? 'Would delete: ' : 'Deleted: ';
  if (global.json) output.out(`${printableJson(pruned, 2)}\n`);
  else output.out(pruned.networks.map((name) => `${verb}${printable(name)}\n`).join(''));
  return 0;
};

function warning(labels: readonly string[]): string {
  return `This removes all networks that no container has${labels.length > 0 ? ' and that match' : ''}.`;
}
