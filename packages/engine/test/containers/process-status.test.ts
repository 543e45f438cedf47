import { expect, it } from 'vitest';
import { parseProcess, readProcess } from '../../dist/containers/process-status.js';

/** proc_pid_stat(5), with a name that has what separates fields. */
const stat = (name: string, state = 'S') =>
  `4000 (${name}) ${state} 3999 4000 4000 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 1 0 12345 1000000 300 18446744073709551615 1\n`;
const status = 'Name:\tx\nState:\tS (sleeping)\nNSpid:\t4000\t17\t2\nUid:\t33\t34\t35\t36\nVmRSS:\t  1024 kB\n';
const files = { pid: 4000, level: 1, stat: stat('sh'), status, command: Buffer.from('sh\0-c\0a b\0'), bootSeconds: 1_000_000 };

it('tells of a process what ps tells', () => {
  expect(parseProcess(files)).toEqual({
    pid: 4000,
    ppid: 3999,
    containerPid: 17,
    uid: 34,
    state: 'S',
    startedAt: '1970-01-12T13:48:43.450Z',
    cpuMs: 2000,
    rssBytes: 1024 * 1024,
    command: ['sh', '-c', 'a b'],
  });
});

it('is not led astray by the name of a program', () => {
  for (const name of ['a) R 1 1', ')', '(', 'x\ny', ''])
    expect(parseProcess({ ...files, stat: stat(name) })).toMatchObject({ state: 'S', ppid: 3999 });
});

it('knows one that has ended and was not waited for by its name alone', () => {
  const dead = { ...files, stat: stat('was', 'Z'), command: Buffer.alloc(0), status: 'NSpid:\t4000\nUid:\t0\t0\t0\t0\n' };
  expect(parseProcess(dead)).toMatchObject({ state: 'Z', command: ['[was]'], rssBytes: 0, containerPid: 4000, uid: 0 });
});

it('keeps empty words of a command line', () => {
  expect(parseProcess({ ...files, command: Buffer.from('sh\0\0x\0') }).command).toEqual(['sh', '', 'x']);
});

it('reads this process, and nothing of one that is not there', () => {
  expect(readProcess(process.pid, 0)).toMatchObject({ pid: process.pid, ppid: process.ppid, uid: process.geteuid?.() });
  expect(readProcess(2 ** 22 + 1, 0)).toBeUndefined();
});
