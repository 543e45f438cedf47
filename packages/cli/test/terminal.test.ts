import { closeSync, readdirSync, readFileSync } from 'node:fs';
import { linux } from '@slipway/linux';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Host, startHost } from './registry.js';
import { launcher, Terminal, until } from './slipway.js';

let host: Host;
beforeAll(async () => {
  host = await startHost();
});
afterAll(() => host[Symbol.asyncDispose]());

/** The process with exactly this command line. */
function processOf(commandLine: string): number | undefined {
  const found = readdirSync('/proc').find((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, 'latin1') === commandLine;
    } catch {
      return false;
    }
  });
  return found === undefined ? undefined : Number(found);
}

const open = (...args: string[]): Terminal => new Terminal(host.place.env, [launcher, 'run', ...args]);

test('a shell on our terminal: what is typed arrives, the size is ours, and afterwards all is as before', async () => {
  await using terminal = open('-it', host.image, 'sh');
  const before = await terminal.settings();
  await terminal.sees('# ');
  expect(await terminal.settings()).not.toBe(before);
  terminal.type('stty size; tty; exit 3\r');
  expect(await terminal.exit).toBe(3);
  expect(terminal.shown).toMatch(/30 100\r\n\/dev\/(pts\/0|console)\r\n/);
  expect(await terminal.settings()).toBe(before);
});

test('^C, ^D and ^Z belong to the program in the container, and bytes pass as they are both ways', async () => {
  await using terminal = open(
    '-it',
    host.image,
    'sh',
    '-c',
    'stty raw -echo; printf "ready\\n|"; head -c 6 | od -An -tx1; exit 9',
  );
  await terminal.sees('ready');
  terminal.type('\u0003\u0004\u001a\r\n\u00ff'.replace('\u00ff', 'x'));
  expect(await terminal.exit).toBe(9);
  // A bare newline stays one: Node's raw mode would have added a carriage return.
  expect(terminal.shown).toContain('ready\n|');
  expect(terminal.shown).toContain('03 04 1a 0d 0a 78');
});

test('a change of the window reaches the container', async () => {
  await using terminal = open('-it', host.image, 'sh', '-c', 'trap "stty size" WINCH; echo ready; while :; do sleep 0.1; done');
  await terminal.sees('ready');
  terminal.resize({ columns: 133, rows: 44 });
  await terminal.sees('44 133');
});

test.each(['SIGTERM', 'SIGHUP'] as const)('%s to us is for the container, and the terminal is restored', async (signal) => {
  await using terminal = open('-it', host.image, 'sh', '-c', 'trap "exit 41" TERM HUP; echo ready; while :; do sleep 0.1; done');
  const before = await terminal.settings();
  await terminal.sees('ready');
  await until(async () => (await terminal.settings()) !== before);
  terminal.child.kill(signal);
  expect(await terminal.exit).toBe(41);
  expect(await terminal.settings()).toBe(before);
});

test('the terminal is restored when the container is killed', async () => {
  const token = `4321.${process.pid}`;
  await using terminal = open('-it', host.image, 'sh', '-c', `echo ready; exec sleep ${token}`);
  const before = await terminal.settings();
  await terminal.sees('ready');
  await until(() => processOf(`sleep\0${token}\0`) !== undefined);
  process.kill(processOf(`sleep\0${token}\0`)!, 'SIGKILL');
  expect(await terminal.exit).toBe(137);
  expect(await terminal.settings()).toBe(before);
});

test('^C in a terminal without -t reaches the container once', async () => {
  const script =
    'trap "n=\\$((n+1)); echo got \\$n" INT; echo ready; i=0; while [ $i -lt 20 ]; do sleep 0.1; i=$((i+1)); done; echo end $n; exit 7';
  await using terminal = open(host.image, 'sh', '-c', script.replaceAll('\\$', '$'));
  await terminal.sees('ready');
  terminal.type('\u0003');
  expect(await terminal.exit).toBe(7);
  expect(terminal.shown).toContain('end 1\r\n');
});

test('-i without -t on a terminal reads lines from it, and ^D ends them', async () => {
  await using terminal = open('-i', host.image, 'sh', '-c', 'echo ready; while read line; do echo "got:$line"; done');
  await terminal.sees('ready');
  terminal.type('hello\r');
  await terminal.sees('got:hello');
  terminal.type('\u0004');
  expect(await terminal.exit).toBe(0);
});

test('a terminal that hangs up ends the shell in it, with --die-with-parent', async () => {
  await using terminal = open('-it', '--die-with-parent', host.image, 'sh');
  await terminal.sees('# ');
  terminal.hangUp();
  // A shell that edits lines notices neither SIGHUP as first process nor an end of file.
  expect(await terminal.exit).toBe(137);
});

test('an error before the container runs leaves the terminal alone', async () => {
  await using terminal = open('-it', host.image, 'no-such-command');
  const before = await terminal.settings();
  expect(await terminal.exit).toBe(127);
  expect(await terminal.settings()).toBe(before);
});

test('raw mode and back on a terminal of our own', () => {
  const { master, slave } = linux.openPty();
  const before = linux.makeTerminalRaw(slave);
  const raw = linux.makeTerminalRaw(slave);
  expect(raw.equals(before)).toBe(false);
  linux.setTerminalSettings(slave, before);
  expect(linux.makeTerminalRaw(slave).equals(before)).toBe(true);
  closeSync(master);
  closeSync(slave);
});
