import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { output } from './output.js';
import { usageError } from './usage-error.js';

export interface AskOptions {
  /** What is typed is not shown. */
  readonly hidden: boolean;
  readonly signal: AbortSignal;
}

/** One line from the terminal on stdin; the question goes to stderr. Errors: `invalid-argument` where there is no terminal, or nothing was typed. */
export async function askOnTerminal(question: string, { hidden, signal }: AskOptions): Promise<string> {
  const what = question.replace(/: $/, '').toLowerCase();
  if (!process.stdin.isTTY)
    throw usageError(
      'login',
      `the ${what} is missing, and there is no terminal to ask for it on`,
      'give -u NAME --password-stdin',
    );
  const screen = new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (!hidden) output.err(chunk.toString());
      done();
    },
  });
  // In raw mode, so that the kernel shows nothing either; closing takes it back.
  using lines = createInterface({ input: process.stdin, output: screen, terminal: true, historySize: 0 });
  const ended = Promise.withResolvers<never>();
  lines.once('close', () => ended.reject(usageError('login', `the ${what} is missing`)));
  // In raw mode ^C is a character.
  lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  if (hidden) output.err(question);
  try {
    const answer = await Promise.race([lines.question(hidden ? '' : question, { signal }), ended.promise]);
    if (answer !== '') return answer;
    throw usageError('login', `the ${what} is missing`);
  } finally {
    ended.promise.catch(() => undefined);
    if (hidden) output.err('\n');
  }
}
