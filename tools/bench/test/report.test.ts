import { expect, test } from 'vitest';
import { median, results, table } from '../src/report.ts';

const cost = (contender: string, wallMs: number, workload = 'pull a') => ({
  workload,
  contender,
  wallMs,
  cpuMs: wallMs / 2,
  peakBytes: 3 * 2 ** 20,
});

test('a median of an even number of values lies between the two in the middle', () => {
  expect([median([3, 1, 2]), median([4, 1, 2, 3]), median([7])]).toEqual([2, 2.5, 7]);
});

test('samples become one median for each workload and contender, and one slow run does not show', () => {
  const found = results([cost('a', 10), cost('b', 30), cost('a', 9000), cost('a', 12)]);
  expect(found).toEqual([
    { ...cost('a', 12), runs: 3 },
    { ...cost('b', 30), runs: 1 },
  ]);
});

test('the table gives what each cost and how that compares with the base', () => {
  const text = table(results([cost('a', 1500), cost('b', 3000), cost('a', 20, 'run')]), 'a');
  expect(text.split('\n')).toEqual([
    '| wall / cpu / peak | a | b |',
    '| --- | --- | --- |',
    '| pull a | 1.50 s / 750 ms / 3 MiB | 3.00 s / 1.50 s / 3 MiB (2.00 x) |',
    '| run | 20 ms / 10 ms / 3 MiB |  |',
  ]);
});
