import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SubjectReply, SubjectRequest } from '../src/faults/message.ts';
import { bundleWorkers } from '../src/faults/worker-bundles.ts';
import { compileCache } from './child.ts';

const source = (name: string): string => fileURLToPath(import.meta.resolve(`../src/faults/${name}`));

const repository = path.resolve(import.meta.dirname, '../../..');
const cache = path.join(repository, 'node_modules/.cache');

/** What takes longer hangs: the work takes less than a second, and a machine may be so busy that it takes a minute. Less than a test may take. */
const limitMs = 110_000;

/** A process in which faults can be had; a new one is started when one has ended. */
export class Subject implements Disposable {
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'slipway-e2e-subject-'));
  readonly #withDataFile: boolean;
  /** Where git does not look, and what is imported there is found. */
  readonly #workerFolder: string;
  #workers: Promise<void> | undefined;
  #process: ChildProcess | undefined;
  #stderr = '';
  /** After its first work. */
  #descriptors: number | undefined;

  /** With `data-file.c` loaded, which is compiled for it. */
  constructor(options: { readonly withDataFile?: boolean } = {}) {
    mkdirSync(cache, { recursive: true });
    this.#workerFolder = mkdtempSync(path.join(cache, 'fault-workers-'));
    this.#withDataFile = options.withDataFile ?? false;
    if (!this.#withDataFile) return;
    execFileSync('gcc', ['-shared', '-fPIC', '-O1', '-o', this.#inside('data-file.so'), source('data-file.c'), '-ldl']);
    writeFileSync(this.#inside('data-file'), new Int32Array(4));
  }

  /**
   * Rejects when the process ends (an exception that nobody caught), says anything on stderr (a descriptor that the garbage
   * collector closed), does not answer, or has more descriptors than after its first work.
   */
  async ask(request: SubjectRequest): Promise<SubjectReply> {
    this.#workers ??= this.#bundled();
    await this.#workers;
    this.#process ??= this.#start();
    try {
      const reply = await this.#answer(this.#process, request);
      this.#descriptors ??= reply.descriptors;
      if (reply.descriptors > this.#descriptors)
        throw new Error(`${reply.descriptors - this.#descriptors} descriptors were left open`);
      // lmdb-js writes there what it also answers.
      if (this.#stderr !== '' && !this.#withDataFile) throw new Error('said something on stderr');
      return reply;
    } catch (error) {
      this.restart();
      throw new Error(`the process under test: ${String(error)}\n${this.#stderr}`);
    }
  }

  /** The next one has none of what this one remembers. */
  restart(): void {
    this.#process?.kill('SIGKILL');
    this.#process = undefined;
  }

  [Symbol.dispose](): void {
    this.restart();
    for (const folder of [this.#folder, this.#workerFolder]) rmSync(folder, { recursive: true, force: true });
  }

  async #answer(subject: ChildProcess, request: SubjectRequest): Promise<SubjectReply> {
    const { promise, resolve, reject } = Promise.withResolvers<SubjectReply>();
    const timer = setTimeout(() => reject(new Error(`no answer after ${limitMs} ms`)), limitMs);
    const onReply = (reply: unknown): void => resolve(reply as SubjectReply);
    const onExit = (code: number | null, signal: string | null): void => reject(new Error(`it ended with ${signal ?? code}`));
    subject.once('message', onReply).once('exit', onExit);
    subject.send(request);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      subject.off('message', onReply).off('exit', onExit);
    }
  }

  async #bundled(): Promise<void> {
    await bundleWorkers(repository, this.#workerFolder);
  }

  #inside(name: string): string {
    return path.join(this.#folder, name);
  }

  #start(): ChildProcess {
    this.#stderr = '';
    this.#descriptors = undefined;
    const dataFile = this.#withDataFile
      ? { LD_PRELOAD: this.#inside('data-file.so'), SLIPWAY_E2E_DATA_FILE_FAULTS: this.#inside('data-file') }
      : {};
    const child = fork(source('subject.ts'), [], {
      execArgv: ['--import', source('preload.ts')],
      env: {
        PATH: process.env['PATH'],
        ...compileCache,
        SLIPWAY_E2E_FAULTS_TRACE: this.#inside('trace'),
        SLIPWAY_E2E_FAULTS_WORKERS: this.#workerFolder,
        ...dataFile,
      },
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    return child;
  }
}
