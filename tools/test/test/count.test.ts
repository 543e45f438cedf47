import { expect, test } from 'vitest';
import { count, line } from '../src/count.ts';

const file = (name: string, status: string, ...assertionResults: { status: string; fullName: string }[]) => ({
  name,
  status,
  assertionResults,
});
const report = (...testResults: object[]): string => JSON.stringify({ success: true, testResults });

test('checks and tests are counted together', () => {
  const counts = count('passed lint\npassed build\nstatus 0\n', report(file('a', 'passed', { status: 'passed', fullName: 'x' })));
  expect(line(counts)).toBe('3 passed, 0 failed');
});

test('a failed check fails the run though every test passed', () => {
  const counts = count('failed lint\nstatus 0\n', report(file('a', 'passed', { status: 'passed', fullName: 'x' })));
  expect(line(counts)).toBe('1 passed, 1 failed');
  expect(counts.failures).toEqual(['lint']);
});

test('skipped, pending and todo tests are named and counted', () => {
  const skipped = ['skipped', 'pending', 'todo'].map((status) => ({ status, fullName: status }));
  const counts = count('status 0\n', report(file('a', 'passed', ...skipped)));
  expect(line(counts)).toBe('0 passed, 0 failed, 3 skipped');
  expect(counts.skips).toContain('a > todo');
});

test('a test file that cannot be loaded is a failure', () => {
  expect(count('status 1\n', report(file('a', 'failed'))).failures).toEqual(['a']);
});

test('an error outside of any test is a failure', () => {
  const counts = count('status 1\n', report(file('a', 'passed', { status: 'passed', fullName: 'x' })));
  expect(line(counts)).toBe('1 passed, 1 failed');
});

test('no report at all is a failure', () => {
  expect(line(count('passed lint\nstatus 1\n', undefined))).toBe('1 passed, 1 failed');
});
