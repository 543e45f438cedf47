/**
 * A numeric header field: octal digits, ended by a space, NUL or the field's end, or the base-256 form of GNU tar, which
 * the first byte's high bit marks. Undefined when it is neither, or no exact integer of JavaScript.
 */
export function parseNumber(block: Uint8Array, offset: number, length: number): number | undefined {
  const first = block[offset] ?? 0;
  if (first & 0x80) return parseBase256(block, offset, length);
  const end = offset + length;
  let at = offset;
  while (at < end && block[at] === 0x20) at++;
  let value = 0;
  for (; at < end; at++) {
    const byte = block[at] ?? 0;
    if (byte === 0 || byte === 0x20) break;
    if (byte < 0x30 || byte > 0x37) return undefined;
    value = value * 8 + (byte - 0x30);
  }
  return value;
}

function parseBase256(block: Uint8Array, offset: number, length: number): number | undefined {
  const first = block[offset] ?? 0;
  const negative = (first & 0x40) !== 0;
  // Two's complement over the whole field: of a negative number the complement is summed.
  let value = negative ? ~first & 0x3f : first & 0x3f;
  for (let at = offset + 1; at < offset + length; at++) {
    const byte = block[at] ?? 0;
    value = value * 256 + (negative ? ~byte & 0xff : byte);
    if (value > Number.MAX_SAFE_INTEGER) return undefined;
  }
  return negative ? -value - 1 : value;
}

/** A decimal number of a PAX record. */
export function parseDecimal(text: string): number | undefined {
  if (!/^-?[0-9]{1,20}$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Seconds since 1970 with a fraction, as PAX writes times; digits past the nanosecond are dropped. */
export function parseTime(text: string): { readonly seconds: number; readonly nanoseconds: number } | undefined {
  const parts = /^(-?)([0-9]{1,16})(?:\.([0-9]*))?$/.exec(text);
  if (!parts) return undefined;
  const seconds = Number(parts[2]);
  if (!Number.isSafeInteger(seconds)) return undefined;
  const nanoseconds = Number((parts[3] ?? '').slice(0, 9).padEnd(9, '0'));
  if (parts[1] !== '-') return { seconds, nanoseconds };
  return nanoseconds === 0 ? { seconds: 0 - seconds, nanoseconds } : { seconds: -seconds - 1, nanoseconds: 1e9 - nanoseconds };
}
