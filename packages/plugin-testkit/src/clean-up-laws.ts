import assert from 'node:assert/strict';
import { mkdirSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isSlipwayError } from '@slipway/plugin-api';
import type { LawRunner } from './law-runner.js';
import { namesBelow } from './names-below.js';
import { holdingsOfThisProcess, openDescriptors, type ProcessHoldings } from './process-holdings.js';
import { type OpenSubject, type Subject, temporaryRoot } from './subject.js';

export interface CleanUp<T> {
  /** Uses as much of the contract as can be, and removes in the end what it made, by means of the contract. */
  use(instance: T): Promise<void>;
  /** Calls that must reject, with a SlipwayError, once the subject is disposed, by what they do. */
  afterDispose(instance: T): Readonly<Record<string, () => Promise<unknown>>>;
}

/** What outlives a disposed subject: nothing. */
export function cleanUpLaws<T>(runner: LawRunner, open: OpenSubject<T>, { use, afterDispose }: CleanUp<T>): void {
  /** Temporary files, also those that a subject would make for itself, are in the folder of the law. */
  const law = (name: string, body: (temporary: string, root: string) => Promise<void>): void =>
    runner.it(name, async () => {
      await using place = await temporaryRoot();
      const [temporary, root] = [join(place.root, 'tmp'), join(place.root, 'root')];
      for (const folder of [temporary, root]) mkdirSync(folder);
      const before = process.env['TMPDIR'];
      process.env['TMPDIR'] = temporary;
      try {
        assert.equal(tmpdir(), temporary);
        await body(place.root, root);
      } finally {
        if (before === undefined) delete process.env['TMPDIR'];
        else process.env['TMPDIR'] = before;
      }
    });
  const useOnce = async (root: string): Promise<void> => {
    await using subject = await open(root);
    await use(subject.instance);
  };

  runner.describe('clean-up', () => {
    law('dispose leaves no descriptor, mount, file, process or thread', async (folder, root) => {
      // Twice first: what is loaded or started once in a process and kept for good is none of one subject's.
      for (let round = 0; round < 2; round++) await useOnce(root);
      const before = holdingsOfThisProcess(folder);
      for (let round = 0; round < 3; round++) await useOnce(root);
      await becomes(() => holdingsOfThisProcess(folder), before);
    });

    law('what was removed is gone from the disk', async (_, root) => {
      await (await open(root))[Symbol.asyncDispose]();
      const before = namesBelow(root);
      await useOnce(root);
      assert.deepEqual(namesBelow(root), before);
    });

    law('a child process would inherit no descriptor of it', async (_, root) => {
      await useOnce(root);
      const before = new Set(openDescriptors().map(({ fd }) => fd));
      await using subject = await open(root);
      const inherited: string[] = [];
      // V8 reads its own executable while a thread of Node starts (OS::RemapPages), and does not ask for close-on-exec.
      const node = realpathSync(process.execPath);
      const look = (): void => {
        for (const { fd, target, isCloseOnExec } of openDescriptors())
          if (!before.has(fd) && !isCloseOnExec && target !== node) inherited.push(`${fd}: ${target}`);
      };
      look();
      const watch = setInterval(look, 1);
      try {
        await use(subject.instance);
      } finally {
        clearInterval(watch);
      }
      look();
      assert.deepEqual(inherited, []);
    });

    law('disposing twice is as once', async (_, root) => {
      const subject = await open(root);
      await use(subject.instance);
      await subject[Symbol.asyncDispose]();
      await subject[Symbol.asyncDispose]();
      await disposeInstance(subject);
      await useOnce(root);
    });

    law('after dispose every call is refused, and says so', async (_, root) => {
      const subject = await open(root);
      await use(subject.instance);
      await subject[Symbol.asyncDispose]();
      for (const [what, call] of Object.entries(afterDispose(subject.instance))) {
        await assert.rejects(
          // A method that throws instead of rejecting refuses, too.
          async () => await call(),
          (error) => {
            assert.ok(isSlipwayError(error), `${what}: found ${String(error)}, expected a SlipwayError`);
            return true;
          },
          what,
        );
      }
    });
  });
}

/** The instance's own dispose, where it has one, after its owner has called it. */
async function disposeInstance<T>({ instance }: Subject<T>): Promise<void> {
  if (typeof instance !== 'object' || instance === null) return;
  const resource = instance as Partial<AsyncDisposable & Disposable>;
  await resource[Symbol.asyncDispose]?.();
  resource[Symbol.dispose]?.();
}

/** Threads and sockets go a moment after the call that ends them. */
async function becomes(found: () => ProcessHoldings, expected: ProcessHoldings): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (isWithin(found(), expected)) return;
    await sleep(20);
  }
  assert.deepEqual(found(), expected);
}

/** Less than before is right, too: an earlier law's thread may have ended now. */
function isWithin(found: ProcessHoldings, expected: ProcessHoldings): boolean {
  return (Object.keys(expected) as (keyof ProcessHoldings)[]).every((kind) => {
    const left = [...expected[kind]];
    return found[kind].every((word) => {
      const index = left.indexOf(word);
      if (index >= 0) left.splice(index, 1);
      return index >= 0;
    });
  });
}
