const powers: Readonly<Record<string, number>> = { k: 1, m: 2, g: 3, t: 4, p: 5 };

/**
 * Docker's sizes: `64m`, `1.5g`, `512kb`, `1GiB`, `4096`; units are binary, in any case. Undefined for what is none, is not a whole number of bytes
 * that can be counted exactly, or is negative.
 */
export function parseByteSize(text: string): number | undefined {
  const match = /^(\d{1,16}(?:\.\d{1,16})?) ?(?:([kmgtp])(?:i?b)?|b)?$/i.exec(text);
  const [, digits, unit = ''] = match ?? [];
  if (digits === undefined) return undefined;
  const bytes = Math.floor(Number(digits) * 1024 ** (powers[unit.toLowerCase()] ?? 0));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
