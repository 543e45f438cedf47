/** A system call of one thread, from where it began to where it returned, in lines of the trace. */
export interface Call {
  readonly thread: string;
  readonly name: string;
  /** As strace prints them, descriptors with their paths. */
  readonly args: string;
  /** What follows the equals sign. */
  readonly result: string;
  readonly begin: number;
  readonly end: number;
}

const whole = /^(\d+)\s+(\w+)\((.*)\)\s+= (.*)$/s;
const unfinished = /^(\d+)\s+(\w+)\((.*?)\s*<unfinished \.\.\.>$/s;
const resumed = /^(\d+)\s+<\.\.\. (\w+) resumed>(.*)\)\s+= (.*)$/s;

/**
 * Reads what `strace -f -y` wrote. A call that another thread interrupts in the trace is printed in two halves; both its places count: it
 * happened somewhere between. Calls that never returned are left out.
 */
export function parseTrace(text: string): Call[] {
  const open = new Map<string, Omit<Call, 'result' | 'end'>>();
  const calls: Call[] = [];
  for (const [line, content] of text.split('\n').entries()) {
    const half = unfinished.exec(content);
    if (half !== null) {
      const [, thread = '', name = '', args = ''] = half;
      open.set(thread, { thread, name, args, begin: line });
      continue;
    }
    const rest = resumed.exec(content);
    if (rest !== null) {
      const [, thread = '', , args = '', result = ''] = rest;
      const begun = open.get(thread);
      open.delete(thread);
      if (begun !== undefined) calls.push({ ...begun, args: begun.args + args, result, end: line });
      continue;
    }
    const [, thread = '', name, args = '', result = ''] = whole.exec(content) ?? [];
    if (name !== undefined) calls.push({ thread, name, args, result, begin: line, end: line });
  }
  return calls.sort((a, b) => a.begin - b.begin);
}

export function succeeded({ result }: Call): boolean {
  return !result.startsWith('-1') && !result.startsWith('?');
}

/** Path of the descriptor that is the first argument. */
export function descriptorPath({ args }: Call): string | undefined {
  return /^\d+<([^>]*)>/.exec(args)?.[1];
}

/** Every text between quotes in the arguments, as strace escapes it. */
export function quotedArgs({ args }: Call): string[] {
  return [...args.matchAll(/"((?:[^"\\]|\\.)*)"/gs)].map(([, text = '']) => text);
}
