import { makeParts } from './parts.ts';

if (process.argv[2] !== 'make') {
  process.stderr.write('usage: node tools/machine/src/main.ts make\n');
  process.exitCode = 2;
} else {
  await makeParts();
}
