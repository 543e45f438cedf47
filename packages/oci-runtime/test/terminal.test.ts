import { closeSync, createReadStream, writeSync } from 'node:fs';
import { linux } from '@slipway/linux';
import type { RuntimeContainer } from '@slipway/plugin-api';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { expectClean } from './expect-clean.ts';
import { Host, text } from './host.ts';

let host: Host;
beforeEach(() => {
  host = new Host();
});
afterEach(() => {
  using _ = host;
  expectClean(host);
});

const terminal = { columns: 91, rows: 33 };

/** Collects output, and waits for a piece of it. */
class Screen {
  text = '';
  #waiters: (() => void)[] = [];

  constructor(container: RuntimeContainer) {
    container.stdout?.on('data', (chunk: Buffer) => {
      this.text += chunk.toString();
      for (const check of this.#waiters) check();
    });
  }

  until(piece: string): Promise<void> {
    return new Promise((resolve) => {
      const check = () => this.text.includes(piece) && resolve();
      this.#waiters.push(check);
      check();
    });
  }
}

test('a terminal of the wanted size, that follows a resize, and one stream of output', async () => {
  const script = 'stty size; trap "stty size; exit 4" WINCH; echo ready >&2; while :; do sleep 0.05; done';
  const container = await host.create(['sh', '-c', script], { stdio: { terminal, stdin: 'pipe' } });
  const screen = new Screen(container);
  const errors = text(container.stderr);
  await container.start();
  await screen.until('ready');
  expect(screen.text).toContain('33 91');
  await container.resize({ columns: 120, rows: 40 });
  expect(await container.wait()).toMatchObject({ exitCode: 4 });
  expect(screen.text).toContain('40 120');
  expect(await errors).toBe('');
  await host.runtime.delete(container.id);
});

test('what is typed is echoed and read, and ^C interrupts once', async () => {
  const script =
    'trap "echo interrupted" INT; echo ready; until read line; do :; done; echo "got $line"; read other; echo "end $other"';
  const container = await host.create(['sh', '-c', script], { stdio: { terminal, stdin: 'pipe' } });
  const screen = new Screen(container);
  await container.start();
  await screen.until('ready');
  container.stdin?.write('\x03');
  await screen.until('interrupted');
  container.stdin?.write('hello\n');
  await screen.until('got hello');
  container.stdin?.write('bye\n');
  expect(await container.wait()).toMatchObject({ exitCode: 0 });
  expect(screen.text.match(/interrupted/g)).toHaveLength(1);
  expect(screen.text).toContain('end bye');
  await host.runtime.delete(container.id);
});

test('the end of stdin is the end of file of the terminal, in the middle of a line too', async () => {
  const container = await host.create(['cat'], { stdio: { terminal, stdin: 'pipe' } });
  const screen = new Screen(container);
  await container.start();
  container.stdin?.end('no newline');
  expect(await container.wait()).toMatchObject({ exitCode: 0 });
  expect(screen.text).toContain('no newlineno newline');
  await host.runtime.delete(container.id);
});

test('a program may close its terminal and open it again', async () => {
  const script = 'tty=/proc/self/fd/0; exec 3>/dev/tty >&- 2>&- <&- 3>&-; sleep 0.3; echo again >/dev/pts/0';
  const container = await host.create(['sh', '-c', script], { stdio: { terminal, stdin: 'null' } });
  const screen = new Screen(container);
  await container.start();
  await container.wait();
  expect(screen.text).toContain('again');
  await host.runtime.delete(container.id);
});

test('a million lines come whole through a terminal', async () => {
  const container = await host.create(['sh', '-c', 'yes 0123456789 | head -n 1000000; echo end'], {
    stdio: { terminal, stdin: 'null' },
  });
  let bytes = 0;
  let tail = '';
  container.stdout?.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    tail = (tail + chunk.toString()).slice(-20);
  });
  await container.start();
  await container.wait();
  expect(bytes).toBe(12_000_000 + 5);
  expect(tail.endsWith('end\r\n')).toBe(true);
  await host.runtime.delete(container.id);
});

test("the caller's own terminal is passed through, and its flags stay as they are", async () => {
  const outer = linux.openPty();
  const container = await host.create(['sh', '-c', 'read line; echo "got $line"'], {
    stdio: { terminal, stdin: outer.slave, stdout: outer.slave, stderr: outer.slave },
  });
  await container.start();
  let seen = '';
  const reader = createReadStream('', { fd: outer.master, autoClose: false });
  reader.on('data', (chunk) => {
    seen += chunk.toString();
  });
  reader.on('error', () => {});
  writeSync(outer.master, 'typed\n');
  expect(await container.wait()).toMatchObject({ exitCode: 0 });
  await host.runtime.delete(container.id);
  closeSync(outer.slave);
  await new Promise((resolve) => reader.once('close', resolve).once('error', resolve).once('end', resolve));
  closeSync(outer.master);
  expect(seen).toContain('got typed');
});

test('resize without a terminal is refused', async () => {
  const container = await host.create(['true']);
  await expect(container.resize(terminal)).rejects.toMatchObject({ kind: 'failed-precondition' });
  await host.runtime.delete(container.id);
});
