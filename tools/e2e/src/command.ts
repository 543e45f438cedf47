import { carryOut } from './carry-out.ts';
import type { CommandRequest } from './request.ts';

// A program on the library that does one thing, for tests that kill it or need several processes at once.
const report = await carryOut(JSON.parse(process.argv[2] ?? '') as CommandRequest);
if (report.outcome === 'failed') process.exitCode = 1;
process.stdout.write(`${JSON.stringify(report)}\n`);
