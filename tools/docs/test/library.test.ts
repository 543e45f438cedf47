import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Registry, startRegistry } from '@slipway/fixtures';
import { linux } from '@slipway/linux';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Block, blocksOf } from '../src/markdown.ts';

const root = path.resolve(import.meta.dirname, '../../..');
const blocks = blocksOf(readFileSync(path.join(root, 'docs/library.md'), 'utf8'));
const programs = blocks.flatMap((block, index) =>
  block.language === 'js' ? [{ program: block, shown: blocks[index + 1] }] : [],
);

// On the network of a machine of its own, which goes with this process: programs make networks.
linux.enterNetworkNamespace(linux.createNetworkNamespace());

let project: string;
let registry: Registry;

beforeAll(async () => {
  // A project of its own that has the library as its readers have it: linked into node_modules.
  project = mkdtempSync(path.join(tmpdir(), 'slipway-docs-'));
  mkdirSync(path.join(project, 'node_modules'));
  symlinkSync(path.join(root, 'packages/slipway'), path.join(project, 'node_modules/slipway'));
  registry = await startRegistry({ images: ['small'] });
});

afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
  rmSync(project, { recursive: true, force: true });
});

describe('docs/library.md', () => {
  it('shows the output of every program', () => {
    expect(programs.length).toBeGreaterThanOrEqual(10);
    for (const { program, shown } of programs) expect(shown?.language, `after line ${program.line}`).toBe('text');
  });

  it.each(programs.map(({ program, shown }) => ({ program, shown, line: program.line })))(
    'the program of line $line prints what the page shows',
    async ({ program, shown }) => {
      expect(await run(program)).toEqual({ status: 0, stdout: shown?.text, stderr: '' });
    },
  );
});

describe('README.md', () => {
  const readme = blocksOf(readFileSync(path.join(root, 'README.md'), 'utf8')).filter(({ language }) => language === 'js');

  it.each(readme.map((program) => ({ program, line: program.line })))('the program of line $line runs', async ({ program }) => {
    const text = program.text.replaceAll('docker.io/library/alpine', `${registry.address}/test/small`);
    expect(await run({ ...program, text })).toEqual({ status: 0, stdout: '', stderr: '' });
  });
});

/** The program as it stands, on a store of its own; what it prints, with the image named as on the page. */
async function run(program: Block): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const place = mkdtempSync(path.join(project, 'run-'));
  const file = path.join(project, `line-${program.line}.mjs`);
  const state = path.join(place, 'state');
  const image = `${registry.address}/test/small`;
  writeFileSync(file, program.text);
  const child = spawn(process.execPath, [file], {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: place,
    env: { ...process.env, IMAGE: image, SLIPWAY_ROOT: path.join(place, 'root'), SLIPWAY_STATE: state },
  });
  const [stdout, stderr, status] = await Promise.all([
    Array.fromAsync(child.stdout),
    Array.fromAsync(child.stderr),
    new Promise<number | null>((resolve, reject) => child.once('close', resolve).once('error', reject)),
  ]);
  for (const folder of ['ops', 'containers']) expect(namesIn(path.join(state, folder)), `${folder} left behind`).toEqual([]);
  const plain = (chunks: readonly Buffer[]): string =>
    Buffer.concat(chunks).toString().replaceAll(image, 'docker.io/library/busybox');
  return { status, stdout: plain(stdout), stderr: plain(stderr) };
}

/** A program that only looks begins no operation, and so makes no folder for them. */
function namesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}
