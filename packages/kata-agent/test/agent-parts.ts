import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const native = path.join(import.meta.dirname, '../../../native');
const source = path.join(native, 'agent');

export interface Said {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** What in the guest's agent reads the messages of others, built for the host with the sanitizers of the compiler: they end it at the first wrong step. */
export class AgentParts implements Disposable {
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'slipway-agent-parts-'));
  readonly #program = path.join(this.#folder, 'agent-parts');

  constructor() {
    const sources = [path.join(source, 'src'), path.join(native, 'common')].flatMap((folder) =>
      readdirSync(folder)
        .filter((name) => name.endsWith('.c') && name !== 'main.c')
        .map((name) => path.join(folder, name)),
    );
    execFileSync('gcc', [
      ...[
        '-std=gnu11',
        '-D_GNU_SOURCE',
        '-g',
        '-O1',
        '-fsanitize=address,undefined',
        '-fno-sanitize-recover=all',
        `-I${native}`,
        '-o',
        this.#program,
      ],
      path.join(source, 'test/agent-parts.c'),
      ...sources,
    ]);
  }

  run(args: readonly string[], input: Uint8Array = new Uint8Array()): Said {
    const { status, stdout, stderr } = spawnSync(this.#program, args, { input, maxBuffer: 1 << 26 });
    return { status, out: stdout.toString(), err: stderr.toString() };
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
