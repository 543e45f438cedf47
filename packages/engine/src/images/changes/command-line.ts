/**
 * `["program", "argument"]`, or a line for the shell. What looks like the former and is not would become a line that no shell
 * understands, so it is refused.
 */
export function commandLine(value: string): readonly string[] {
  const list = stringArray(value);
  if (list !== undefined) return list;
  if (value === '') throw new Error('has no command; [] is none');
  if (value.startsWith('[') && value.endsWith(']')) throw new Error('is no JSON array of strings, which takes double quotes');
  return ['/bin/sh', '-c', value];
}

/** Undefined for what is no JSON array of strings. */
export function stringArray(value: string): readonly string[] | undefined {
  if (!value.startsWith('[')) return undefined;
  try {
    const list: unknown = JSON.parse(value);
    return Array.isArray(list) && list.every((item) => typeof item === 'string') ? list : undefined;
  } catch {
    return undefined;
  }
}
