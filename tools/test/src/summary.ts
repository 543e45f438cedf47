import { readFileSync } from 'node:fs';
import { type Counts, count, line } from './count.ts';

const [checksFile, reportFile] = process.argv.slice(2);
if (checksFile === undefined || reportFile === undefined) throw new Error('usage: summary.ts CHECKS REPORT');

const counts: Counts = count(readFileSync(checksFile, 'utf8'), readIfThere(reportFile));
for (const name of counts.failures) process.stdout.write(`failed: ${name}\n`);
for (const name of counts.skips) process.stdout.write(`skipped: ${name}\n`);
process.stdout.write(`${line(counts)}\n`);
// On a build machine nothing may be skipped: a host that lacks something is a fault of the set-up there.
process.exitCode = counts.failures.length > 0 || (process.env.CI && counts.skips.length > 0) ? 1 : 0;

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
