/** A plan as the shim reads it: each frame's strings. The payload of a call is left out. */
export function readPlan(plan: Buffer): string[][] {
  const steps: string[][] = [];
  for (let at = 0; at < plan.length; ) {
    const length = plan.readUInt32LE(at);
    const frame = plan.subarray(at + 4, at + 4 + length);
    const strings: string[] = [];
    for (let from = 0; from < frame.length && !(strings[0] === 'call' && strings.length === 3); ) {
      const end = frame.indexOf(0, from);
      strings.push(frame.toString('utf8', from, end));
      from = end + 1;
    }
    steps.push(strings);
    at += 4 + length;
  }
  return steps;
}

/** Value of an option that is named once. */
export function optionOf(argv: readonly string[], name: string): string | undefined {
  const at = argv.indexOf(name);
  return at < 0 ? undefined : argv[at + 1];
}

/** Values of one that may be named more often. */
export function optionsOf(argv: readonly string[], name: string): readonly string[] {
  return argv.flatMap((word, at) => (word === name ? [argv[at + 1] ?? ''] : []));
}
