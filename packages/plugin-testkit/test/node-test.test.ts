import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

it('a suite runs under node:test as well', () => {
  const suite = fileURLToPath(new URL('node-test-suite.ts', import.meta.url));
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const output = execFileSync(process.execPath, ['--test', '--test-reporter=tap', suite], { encoding: 'utf8', env });
  expect(output).toMatch(/^# pass [6-9][0-9]$/m);
  expect(output).toMatch(/^# fail 0$/m);
});
