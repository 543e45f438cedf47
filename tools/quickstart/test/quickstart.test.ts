import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';

const script = path.join(import.meta.dirname, '../run.sh');

test('the quickstart pulls and runs a real image, and leaves nothing behind', () => {
  const home = mkdtempSync(path.join(tmpdir(), 'slipway-quickstart-'));
  try {
    const output = execFileSync(script, {
      encoding: 'utf8',
      env: { ...process.env, TMPDIR: home },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    expect(output).toContain('Hello from a container: Linux');
    expect(output).toContain('the third layer put this here');
    expect(output).not.toContain('nobody sees this');
    expect(readdirSync(home)).toEqual([]);
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(home);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});

test('an argument that it does not know is refused before anything happens', () => {
  expect(() => execFileSync(script, ['--what'], { stdio: 'pipe' })).toThrow('usage: tools/quickstart/run.sh');
});
