import { makeCloudKernel } from './kernel.ts';
import { makeParts } from './parts.ts';

const [what] = process.argv.slice(2);
if (what === 'make') {
  await makeParts();
} else if (what === 'kernel') {
  makeCloudKernel();
} else {
  process.stderr.write('usage: node tools/machine/src/main.ts make|kernel\n');
  process.exitCode = 2;
}
