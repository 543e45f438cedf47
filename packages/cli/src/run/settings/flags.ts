import type { SlipwayError } from '@slipway/plugin-api';
import type { OptionValues } from '../../command.js';
import { usageError } from '../../usage-error.js';

/** The flags of one command line, and the command for the hint of an error. */
export interface Flags {
  readonly command: string;
  readonly options: OptionValues;
}

/** `--memory "12x": expected a size such as 512m`. */
export function refusedFlag({ command }: Flags, flag: string, text: string, expected: string): SlipwayError {
  return usageError(command, `--${flag} ${JSON.stringify(text)}: expected ${expected}`);
}

/** As commander names what a flag gave: `cpuShares` for `cpu-shares`. */
export function keyOf(flag: string): string {
  return flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** What a flag's text means by `parse`, undefined where it was not given. Errors: wrong use, where `parse` gives undefined. */
export function parsed<T>(flags: Flags, flag: string, parse: (text: string) => T | undefined, expected: string): T | undefined {
  const text = flags.options.text(keyOf(flag));
  if (text === undefined) return undefined;
  const value = parse(text);
  if (value === undefined) throw refusedFlag(flags, flag, text, expected);
  return value;
}

/** As {@link parsed}, for each time that the flag was given; undefined where it never was. */
export function parsedAll<T>(
  flags: Flags,
  flag: string,
  parse: (text: string) => T | undefined,
  expected: string,
): readonly T[] | undefined {
  const texts = flags.options.list(keyOf(flag));
  if (texts.length === 0) return undefined;
  return texts.map((text) => {
    const value = parse(text);
    if (value === undefined) throw refusedFlag(flags, flag, text, expected);
    return value;
  });
}

/** Undefined where the flag was never given, so that the image's or the default holds. */
export function listed(flags: Flags, flag: string): readonly string[] | undefined {
  const texts = flags.options.list(keyOf(flag));
  return texts.length === 0 ? undefined : texts;
}

/** Undefined where the flag was not given. */
export function switched(flags: Flags, flag: string): true | undefined {
  return flags.options.flag(keyOf(flag)) ? true : undefined;
}

/** A whole number of at least `least`. */
export function integer(text: string, least = 0): number | undefined {
  const value = /^-?\d{1,15}$/.test(text) ? Number(text) : undefined;
  return value === undefined || value < least ? undefined : value;
}
