import { SlipwayError } from '@slipway/plugin-api';
import { expect, test, vi } from 'vitest';
import { errorReport } from '../src/error-report.js';
import { exitCodeOf } from '../src/exit-codes.js';
import { reportFailure } from '../src/failure.js';
import { interruptedCode } from '../src/interruption.js';
import { stderrLog } from '../src/log.js';
import { OutputClosed, output } from '../src/output.js';
import { usageError } from '../src/usage-error.js';

const plain = { json: false, debug: false };

function failure(code: string, details?: Readonly<Record<string, unknown>>): SlipwayError {
  const cause = new Error('inner\u001b[1m', { cause: new Error('innermost https://u:secret@host/') });
  return new SlipwayError({
    kind: 'not-found',
    code,
    message: 'open "x\u001b[2J"\n  - second line',
    hint: 'try \u0007again',
    details,
    cause,
  });
}

test('an error is its message and its hint, with nothing that a terminal would obey', () => {
  expect(errorReport(failure('GONE'), plain)).toBe('slipway: open "x\\u{1b}[2J"\n  - second line\nhint: try \\u{7}again\n');
});

test('what the work met is told, not that what it had open could not be closed after that', () => {
  const said = vi.spyOn(output, 'err').mockReturnValue(undefined);
  const both = new SuppressedError(failure('STORE_BROKEN'), failure('DISK_FAILED', { name: 'disk' }));
  const code = reportFailure(both, 'pull', { json: true, debug: false });
  expect(code).toBe(exitCodeOf(failure('DISK_FAILED'), 'pull'));
  expect(said.mock.calls.map(([line]) => (JSON.parse(line) as { code: string }).code)).toEqual(['DISK_FAILED']);
  said.mockRestore();
});

test('--debug adds kind, code, details, every cause and the stacks', () => {
  const text = errorReport(failure('GONE', { name: 'x' }), { json: false, debug: true });
  expect(text).toContain('kind: not-found\ncode: GONE\ndetails: {"name":"x"}\n    at ');
  expect(text).toContain('caused by: inner\\u{1b}[1m\n    at ');
  expect(text).toContain('caused by: innermost https://***@host/\n    at ');
});

test('--json gives one line with one object', () => {
  const line = errorReport(failure('GONE', { name: 'x' }), { json: true, debug: false });
  expect(line.trimEnd()).not.toMatch(/\p{Cc}/u);
  expect(JSON.parse(line)).toEqual({
    kind: 'not-found',
    code: 'GONE',
    message: 'open "x\u001b[2J"\n  - second line',
    hint: 'try \u0007again',
    details: { name: 'x' },
    cause: 'inner\u001b[1m',
  });
  const debugging = JSON.parse(errorReport(failure('GONE'), { json: true, debug: true })) as {
    stack: string[];
    causes: string[][];
  };
  expect(debugging.stack[0]).toContain('at ');
  expect(debugging.causes).toHaveLength(2);
});

test('anything thrown is reported: strings, cycles of causes', () => {
  expect(errorReport('just text', plain)).toBe('slipway: unexpected failure: just text\n');
  const cycle = new Error('round');
  cycle.cause = cycle;
  expect(errorReport(cycle, { json: false, debug: true }).match(/caused by/g)?.length).toBeLessThan(3);
});

test.each([
  ['run', failure('COMMAND_NOT_FOUND'), 127],
  ['run', failure('COMMAND_NOT_EXECUTABLE'), 126],
  ['run', failure('ANY'), 125],
  ['run', usageError('run', 'wrong'), 125],
  ['run', new Error('bug'), 125],
  ['run', failure(interruptedCode, { signal: 15 }), 143],
  ['pull', failure(interruptedCode, { signal: 2 }), 130],
  ['pull', failure('COMMAND_NOT_FOUND'), 1],
  ['pull', failure('ANY'), 1],
  ['pull', usageError('pull', 'wrong'), 2],
  ['', usageError('', 'wrong'), 2],
  ['images ls', new OutputClosed(), 141],
])('exit code of %s after %s', (command, error, code) => {
  expect(exitCodeOf(error, command)).toBe(code);
});

test('plugins are heard from warnings on, with --debug from everything, and cannot touch the terminal', () => {
  const lines: string[] = [];
  const output = { out: () => {}, err: (text: string) => void lines.push(text) };
  const loop: Record<string, unknown> = {};
  loop['self'] = loop;
  for (const debug of [false, true]) {
    const log = stderrLog(output, { json: false, debug });
    log.debug('quiet');
    log.info('quiet', { plugin: 'p', size: 1n });
    log.warn('loud\u001b', { plugin: 'snapshotter.v1/overlay', path: '/x' });
    log.error('bad', loop);
  }
  expect(lines).toEqual([
    'warning: snapshotter.v1/overlay: loud\\u{1b}\n',
    'error: bad\n',
    'debug: quiet\n',
    'info: p: quiet size\n',
    'warning: snapshotter.v1/overlay: loud\\u{1b} {"path":"/x"}\n',
    'error: bad self\n',
  ]);
  lines.length = 0;
  stderrLog(output, { json: true, debug: true }).warn('loud\u001b', { plugin: 'p', path: '/x' });
  expect(lines).toEqual(['{"level":"warning","plugin":"p","message":"loud\\u001b","fields":"{\\"path\\":\\"/x\\"}"}\n']);
});
