import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { startRegistry } from '@slipway/fixtures';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { blocksOf } from '../src/markdown.ts';

const root = path.resolve(import.meta.dirname, '../../..');
const blocks = blocksOf(readFileSync(path.join(root, 'docs/containers.md'), 'utf8'));
const steps = blocks.flatMap(({ language, text: script, line }, index) =>
  language === 'sh' ? [{ script, line, shown: blocks[index + 1] }] : [],
);

let place: string;

beforeAll(async () => {
  place = mkdtempSync(path.join(tmpdir(), 'slipway-docs-'));
  for (const folder of ['bin', 'work']) mkdirSync(path.join(place, folder));
  // What touches the host's network is shown on a page of its own.
  writeFileSync(path.join(place, 'config.toml'), 'version = 1\ndefault_network = "none"\n', { mode: 0o600 });
  symlinkSync(path.join(root, 'packages/cli/bin/slipway'), path.join(place, 'bin/slipway'));
  await using registry = await startRegistry({ images: ['small'] });
  const image = `${registry.address}/test/small`;
  expect(await shell(`slipway pull -q ${image} && slipway tag ${image} busybox`)).toMatchObject({ status: 0 });
});

afterAll(async () => {
  await shell('slipway ps -aq | xargs -r slipway rm -f -v');
  rmSync(place, { recursive: true, force: true });
});

describe('docs/containers.md', () => {
  it('shows the output of every step', () => {
    expect(steps.length).toBeGreaterThanOrEqual(12);
    for (const { line, shown } of steps) expect(shown?.language, `after line ${line}`).toBe('text');
  });

  it.each(steps)('the commands of line $line print what the page shows', async ({ script, shown }) => {
    const { status, output } = await shell(script);
    expect(plain(output)).toMatch(pattern(plain(shown?.text ?? '')));
    expect(status).toBe(0);
  });

  it('leaves nothing running', async () => {
    expect(await shell('slipway ps -aq; slipway volume ls -q')).toEqual({ status: 0, output: '' });
  });
});

/** As a reader types it, all of the output in the order in which it comes. */
async function shell(script: string): Promise<{ readonly status: number | null; readonly output: string }> {
  const child = spawn('bash', ['-c', `exec 2>&1\n${script}`], {
    stdio: ['ignore', 'pipe', 'ignore'],
    cwd: path.join(place, 'work'),
    // What waits for ever ends before its test does.
    timeout: 100_000,
    killSignal: 'SIGKILL',
    env: {
      PATH: `${place}/bin:${path.dirname(process.execPath)}:${process.env['PATH']}`,
      HOME: place,
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
      SLIPWAY_ROOT: path.join(place, 'root'),
      SLIPWAY_STATE: path.join(place, 'state'),
      SLIPWAY_CONFIG: path.join(place, 'config.toml'),
    },
  });
  const status = new Promise<number | null>((resolve, reject) => child.once('close', resolve).once('error', reject));
  return { output: await text(child.stdout), status: await status };
}

/** Columns are as wide as what stands in them. */
function plain(output: string): string {
  return output.replaceAll(/ +/g, ' ').replaceAll(/ $/gm, '');
}

/** `…` stands for anything in its line. */
function pattern(shown: string): RegExp {
  return new RegExp(`^${shown.split('…').map(literal).join('.*')}$`);
}

function literal(part: string): string {
  return part.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
