import { usageError } from './usage-error.js';

/** The values of `--filter KIND=VALUE`, by kind. Errors: wrong use, which names the kinds. */
export function readFilters<Kind extends string>(
  command: string,
  filters: readonly string[],
  kinds: readonly Kind[],
): Readonly<Record<Kind, readonly string[]>> {
  const values = Object.fromEntries(kinds.map((kind) => [kind, [] as string[]])) as Record<Kind, string[]>;
  for (const filter of filters) {
    const equals = filter.indexOf('=');
    const kind = kinds.find((one) => one === filter.slice(0, equals));
    if (equals < 0 || kind === undefined)
      throw usageError(command, `the filter ${JSON.stringify(filter)} is none of ${kinds.map((one) => `${one}=`).join(', ')}`);
    values[kind].push(filter.slice(equals + 1));
  }
  return values;
}

/** Of a filter that makes sense once. Errors: wrong use. */
export function onlyValue(command: string, kind: string, values: readonly string[]): string | undefined {
  if (values.length > 1) throw usageError(command, `the filter ${kind} is given ${values.length} times`);
  return values[0];
}

/** Errors: wrong use, for a value that is none of the choices. */
export function oneOf<Choice extends string>(
  command: string,
  kind: string,
  values: readonly string[],
  choices: readonly Choice[],
): readonly Choice[] {
  return values.map((value) => {
    const choice = choices.find((one) => one === value);
    if (choice !== undefined) return choice;
    throw usageError(command, `the filter ${kind}=${JSON.stringify(value)} is none of ${choices.join(', ')}`);
  });
}
