import { writeSync } from 'node:fs';
import { hasCode, isSlipwayError } from '@slipway/plugin-api';
import type { OpenSubject } from '../subject.js';
import type { Operate } from './child-process.js';

// The main module of the processes that laws start. It says what became of each operation as soon as that is known, so that what was
// acknowledged before a kill -9 is known, too.
const [module = '', operator = '', root = '', operations = ''] = process.argv.slice(2);
const { openSubject } = (await import(module)) as { readonly openSubject: OpenSubject<unknown> };
const { operate } = (await import(operator)) as { readonly operate: Operate<unknown, unknown> };

function say(outcome: string): void {
  for (;;) {
    try {
      writeSync(1, `${JSON.stringify(outcome)}\n`);
      return;
    } catch (error) {
      // The pipe is full while the parent is busy, and not one that blocks.
      if (!hasCode(error, 'EAGAIN')) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

{
  await using subject = await openSubject(root);
  for (const operation of JSON.parse(operations) as unknown[]) {
    if (operation === 'stop') {
      say('stopped');
      process.kill(process.pid, 'SIGSTOP');
      continue;
    }
    try {
      say((await operate(subject.instance, operation, say)) ?? 'done');
    } catch (error) {
      if (!isSlipwayError(error)) throw error;
      // No law expects it: whoever finds it needs to know what it was.
      say(error.kind === 'internal' ? `internal ${error.code}: ${error.message}` : error.kind);
    }
  }
}
