import * as fs from 'node:fs';
import { noRlimit } from '@slipway/oci';
import { describe, expect, test } from 'vitest';
import { type HostFacts, readHostFacts } from '../../dist/bundle/index.js';
import { checkOomScoreAdj } from '../../dist/bundle/oom-score.js';
import { parseHardLimits, processRlimits } from '../../dist/bundle/rlimits.js';
import { host } from './hosts.js';
import { errorOf } from './tree.js';

const rlimits = (name: string, soft: number, hard: number, facts: HostFacts = host) =>
  processRlimits({ rlimits: [{ name, soft, hard }] }, facts);
const root = { ...host, capabilities: [...host.capabilities, 'CAP_SYS_RESOURCE'] };

describe('processRlimits', () => {
  test.each(['nofile', 'NOFILE', 'RLIMIT_NOFILE', 'rlimit_nofile'])('%s is a name of RLIMIT_NOFILE', (name) => {
    expect(rlimits(name, 10, 20)).toEqual([{ type: 'RLIMIT_NOFILE', soft: 10, hard: 20 }]);
  });

  test('up to our own hard limit, and no further: found and expected are told', () => {
    expect(rlimits('nofile', 20_000, 20_000)).toEqual([{ type: 'RLIMIT_NOFILE', soft: 20_000, hard: 20_000 }]);
    expect(errorOf(() => rlimits('nofile', 1, 20_001))).toMatchObject({
      kind: 'failed-precondition',
      code: 'RLIMIT_TOO_HIGH',
      message: 'Limit nofile: hard limit 20001 is above 20000, the hard limit of this process, which it may not raise',
    });
    expect(errorOf(() => rlimits('nofile', 1, -1)).message).toContain('hard limit unlimited is above 20000');
    expect(rlimits('core', -1, -1)).toEqual([{ type: 'RLIMIT_CORE', soft: noRlimit, hard: noRlimit }]);
  });

  test('whoever may raise limits goes beyond, but never beyond fs.nr_open', () => {
    expect(rlimits('nofile', 1, 1_048_576, root)).toHaveLength(1);
    expect(errorOf(() => rlimits('nofile', 1, 1_048_577, root)).message).toContain("above 1048576, the kernel's fs.nr_open");
    expect(errorOf(() => rlimits('nofile', -1, -1, root)).code).toBe('RLIMIT_TOO_HIGH');
  });

  test('the last of a kind wins; without any none are written', () => {
    const all = [
      { name: 'nofile', soft: 1, hard: 2 },
      { name: 'core', soft: 0, hard: 0 },
      { name: 'NOFILE', soft: 3, hard: 4 },
    ];
    expect(processRlimits({ rlimits: all }, host)).toEqual([
      { type: 'RLIMIT_NOFILE', soft: 3, hard: 4 },
      { type: 'RLIMIT_CORE', soft: 0, hard: 0 },
    ]);
    expect(processRlimits({}, host)).toEqual([]);
  });

  test.each([
    ['nofle', 1, 1, /"nofle" is none that is known/],
    ['', 1, 1, /is none/],
    ['__proto__', 1, 1, /is none/],
    ['nofile', 2, 1, /soft limit 2 is above its hard limit 1/],
    ['core', -1, 5, /soft limit unlimited is above/],
    ['nofile', -2, 1, /soft limit is "-2", expected a whole number from 0/],
    ['nofile', 1, 1.5, /hard limit is "1.5"/],
    ['nofile', 1, Number.NaN, /"NaN"/],
    ['nofile', 1, 2 ** 60, /hard limit is/],
  ] as const)('%s %d:%d is refused', (name, soft, hard, message) => {
    const error = errorOf(() => rlimits(name, soft, hard));
    expect(error).toMatchObject({ kind: 'invalid-argument', code: 'RLIMIT_INVALID', message: expect.stringMatching(message) });
  });

  test('a misspelt name has near ones', () => {
    expect(errorOf(() => rlimits('nofle', 1, 1)).hint).toContain('nofile');
  });
});

test('what /proc says of this process', () => {
  const limits = parseHardLimits(fs.readFileSync('/proc/self/limits', 'utf8'));
  expect(limits).toHaveLength(16);
  for (const { hard } of limits) expect(hard === noRlimit || Number.isSafeInteger(hard)).toBe(true);
  expect(parseHardLimits('Limit\nMax open files            1024                 4096                 files     \n')).toEqual([
    { name: 'RLIMIT_NOFILE', hard: 4096 },
  ]);
  const facts = readHostFacts();
  expect(facts.hardLimits).toEqual(limits);
  expect(facts.maxOpenFiles).toBeGreaterThan(1000);
  expect(facts.capabilities).toContain('CAP_CHOWN');
  expect(facts.initProgram).toMatch(/slipway-init$/);
});

describe('checkOomScoreAdj', () => {
  test('not below our own without the right to', () => {
    expect(checkOomScoreAdj(0, host)).toBe(0);
    expect(checkOomScoreAdj(1000, host)).toBe(1000);
    expect(checkOomScoreAdj(-1000, root)).toBe(-1000);
    expect(errorOf(() => checkOomScoreAdj(-1, host))).toMatchObject({
      kind: 'failed-precondition',
      code: 'OOM_SCORE_TOO_LOW',
      message: expect.stringContaining('OOM score -1 is below 0'),
    });
    expect(errorOf(() => checkOomScoreAdj(99, { ...host, oomScoreAdj: 100 })).code).toBe('OOM_SCORE_TOO_LOW');
  });

  test.each([-1001, 1001, 0.5, Number.NaN])('%d is none', (score) => {
    expect(errorOf(() => checkOomScoreAdj(score, root)).code).toBe('OOM_SCORE_INVALID');
  });
});
