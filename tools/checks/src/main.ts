import path from 'node:path';
import { boundaryProblems } from './boundaries.ts';
import { shapeProblems } from './shape.ts';
import { textProblems } from './text.ts';
import { readWorkspace } from './workspace.ts';

const root = path.resolve(process.argv[2] ?? path.join(import.meta.dirname, '../../..'));
const workspace = readWorkspace(root);
const problems = [...workspace.problems, ...boundaryProblems(workspace), ...shapeProblems(workspace), ...textProblems(root)];
for (const { file, line, message } of problems)
  process.stderr.write(`${line === undefined ? file : `${file}:${line}`}: ${message}\n`);
process.stdout.write(`checks: ${workspace.packages.size} packages, ${problems.length} problems\n`);
process.exitCode = problems.length > 0 ? 1 : 0;
