import { type Problem, problemsOf } from '@slipway/kernel';
import type { Action, Invocation } from '../command.js';
import { openHostFor } from '../host.js';
import { printable, printableBlock, printableJson } from '../printable.js';

interface Report {
  readonly ok: boolean;
  /** Config files that were read, in order. */
  readonly files: readonly string[];
  readonly problems: readonly Problem[];
}

export const configCheck: Action = async (invocation) => {
  const { global, output } = invocation;
  const report = await check(invocation);
  if (global.json) output.out(`${printableJson(report, 2)}\n`);
  else if (!global.quiet || !report.ok) output.out(reportText(report));
  return report.ok ? 0 : 1;
};

/** What already keeps Slipway from starting is a finding here, not a failure of the command. */
async function check(invocation: Invocation): Promise<Report> {
  try {
    await using host = await openHostFor(invocation);
    const problems = await host.check();
    return { ok: problems.length === 0, files: host.config.files, problems };
  } catch (error) {
    return { ok: false, files: [], problems: problemsOf(error) };
  }
}

function reportText({ ok, files, problems }: Report): string {
  const read = files.length === 0 ? 'no config files, built-in defaults' : files.map(printable).join(', ');
  if (ok) return `The configuration is right (${read}).\n`;
  return problems
    .map(({ message, hint }) => `- ${printableBlock(message)}\n${hint === undefined ? '' : `  hint: ${printable(hint)}\n`}`)
    .join('');
}
