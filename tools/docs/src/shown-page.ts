import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { startRegistry } from '@slipway/fixtures';
import { type Block, blocksOf } from './markdown.ts';

const root = path.resolve(import.meta.dirname, '../../..');

export interface Step {
  readonly script: string;
  /** Of its fence. */
  readonly line: number;
  /** The block after it. */
  readonly shown: Block | undefined;
}

export interface Output {
  readonly status: number | null;
  readonly output: string;
}

/** A page of commands, each followed by what it prints, and a place where they can run. */
export class ShownPage implements AsyncDisposable {
  readonly steps: readonly Step[];
  readonly #place = mkdtempSync(path.join(tmpdir(), 'slipway-docs-'));

  /** @param config of Slipway, further lines */
  constructor(page: string, config = '') {
    const blocks = blocksOf(readFileSync(path.join(root, page), 'utf8'));
    this.steps = blocks.flatMap(({ language, text: script, line }, index) =>
      language === 'sh' ? [{ script, line, shown: blocks[index + 1] }] : [],
    );
    for (const folder of ['bin', 'work']) mkdirSync(path.join(this.#place, folder));
    writeFileSync(path.join(this.#place, 'config.toml'), `version = 1\n${config}\n`, { mode: 0o600 });
    symlinkSync(path.join(root, 'packages/cli/bin/slipway'), path.join(this.#place, 'bin/slipway'));
  }

  /** Under the name that the page calls it. */
  async pull(): Promise<void> {
    await using registry = await startRegistry({ images: ['small'] });
    const image = `${registry.address}/test/small`;
    const { status, output } = await this.shell(`slipway pull -q ${image} && slipway tag ${image} busybox`);
    if (status !== 0) throw new Error(output);
  }

  /** As a reader types it, all of the output in the order in which it comes. */
  async shell(script: string): Promise<Output> {
    const place = this.#place;
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

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shell('slipway ps -aq | xargs -r slipway rm -f -v');
    rmSync(this.#place, { recursive: true, force: true });
  }
}

/** Columns are as wide as what stands in them. */
export function plain(output: string): string {
  return output.replaceAll(/ +/g, ' ').replaceAll(/ $/gm, '');
}

/** `…` stands for anything in its line. */
export function pattern(shown: string): RegExp {
  return new RegExp(`^${shown.split('…').map(literal).join('.*')}$`);
}

function literal(part: string): string {
  return part.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
