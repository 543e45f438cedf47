import { readFlagFile } from './flag-file.js';
import { type Flags, keyOf, refusedFlag } from './flags.js';

/** `NAME=VALUE` of a flag that is given several times, the last of a name; undefined where it never was. `NAME` alone stands for an empty value where `bare` allows it. */
export function pairsOf(
  flags: Flags,
  flag: string,
  { bare }: { readonly bare: boolean },
): Readonly<Record<string, string>> | undefined {
  const texts = flags.options.list(keyOf(flag));
  if (texts.length === 0) return undefined;
  const expected = bare ? 'NAME=VALUE, or NAME for an empty value' : 'NAME=VALUE';
  return Object.fromEntries(
    texts.map((text) => {
      const pair = pairOf(text, bare);
      if (pair === undefined) throw refusedFlag(flags, flag, text, expected);
      return pair;
    }),
  );
}

/** Labels of files, one to a line, under those of flags. Blank lines, and those that start with `#`, say nothing. */
export function labelsOf(flags: Flags): Readonly<Record<string, string>> | undefined {
  const given = pairsOf(flags, 'label', { bare: true });
  const files = flags.options.list('labelFile');
  if (files.length === 0) return given;
  const lines = files.flatMap((file) =>
    readFlagFile('label-file', file)
      .split('\n')
      .map((line, index) => ({ line: line.replace(/\r$/, '').trimStart(), at: `${file}:${index + 1}` }))
      .filter(({ line }) => line !== '' && !line.startsWith('#'))
      .map(({ line, at }) => {
        const pair = pairOf(line, true);
        if (pair === undefined) throw refusedFlag(flags, 'label-file', at, 'NAME=VALUE, or NAME, on each line');
        return pair;
      }),
  );
  return { ...Object.fromEntries(lines), ...given };
}

function pairOf(text: string, bare: boolean): readonly [name: string, value: string] | undefined {
  const equals = text.indexOf('=');
  const name = equals < 0 ? text : text.slice(0, equals);
  if (name === '' || (equals < 0 && !bare)) return undefined;
  return [name, equals < 0 ? '' : text.slice(equals + 1)];
}
