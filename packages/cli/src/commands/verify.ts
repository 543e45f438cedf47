import type { VerifyReport } from '@slipway/plugin-api';
import type { Action } from '../command.js';
import { withEngine } from '../host.js';
import { interruptible } from '../interruption.js';
import { printable, printableJson } from '../printable.js';
import { verifyProgress } from '../progress/verify-progress.js';
import { shortDigest } from '../short-digest.js';
import { table } from '../table.js';
import { formatBytes } from '../units.js';

export const verify: Action = async (invocation) => {
  const { args, options, global, output } = invocation;
  const repair = options.flag('repair');
  const report = await withEngine(invocation, (engine) =>
    interruptible('verify', async (signal) => {
      using progress = await verifyProgress(global, output);
      const images = args.length === 0 ? undefined : args;
      return await engine.system.verify({ images, repair, signal, onProgress: (event) => progress.show(event) });
    }),
  );
  if (global.json) output.out(`${printableJson(report, 2)}\n`);
  else if (global.quiet) output.out(report.problems.map(({ name }) => `${printable(name)}\n`).join(''));
  else output.out(reportText(report, repair));
  return report.problems.every(({ repaired }) => repaired) ? 0 : 1;
};

function reportText(report: VerifyReport, repair: boolean): string {
  const { blobs, snapshots, bytes, problems, unchecked } = report;
  const left = problems.filter(({ repaired }) => !repaired).length;
  const looked = `${blobs} blobs (${formatBytes(bytes)}) and ${snapshots} snapshots`;
  const skipped =
    unchecked.length === 0
      ? ''
      : `Not compared: ${unchecked.length} of ${snapshots} snapshots, because of layers that are not here or damaged${repair ? '' : '; --repair brings them in'}\n`;
  return `${problemsTable(report)}${skipped}${looked}: ${verdict(problems.length, left)}\n${left > 0 && !repair ? 'slipway verify --repair brings in again what is damaged\n' : ''}`;
}

function verdict(found: number, left: number): string {
  if (found === 0) return 'no problems';
  const problems = `${found} problem${found === 1 ? '' : 's'}`;
  if (left === 0) return `${problems}, repaired`;
  return left === found ? problems : `${problems}, ${left} of them not repaired`;
}

function problemsTable({ problems }: VerifyReport): string {
  if (problems.length === 0) return '';
  const rows = problems.map(({ what, name, snapshotter, problem, message, images, repaired }) => [
    snapshotter === undefined ? what : `${what} (${snapshotter})`,
    shortDigest(name),
    repaired ? `${problem}, repaired` : problem,
    images.length === 0 ? '<none>' : images.join(', '),
    message,
  ]);
  return table(['WHAT', 'NAME', 'PROBLEM', 'IMAGES', 'FOUND'], rows);
}
