import { SlipwayError } from '@slipway/plugin-api';

/** A limit that no host could set. */
export function invalidLimit(name: string, value: unknown, expected: string, hint?: string): SlipwayError {
  return new SlipwayError({
    kind: 'invalid-argument',
    code: 'LIMIT_INVALID',
    message: `Limit ${name} is ${JSON.stringify(value)}: ${expected}`,
    hint,
    details: { limit: name, value },
  });
}

/** A limit that this host cannot set. */
export function missingLimit(name: string, lacks: string, hint?: string): SlipwayError {
  return new SlipwayError({
    kind: 'unimplemented',
    code: 'LIMIT_NOT_SUPPORTED',
    message: `Limit ${name} cannot be set on this host: ${lacks}`,
    hint,
    details: { limit: name },
  });
}

/** Undefined when it is absent. Errors: `LIMIT_INVALID` unless it is a whole number from `least` to `most`, or -1 where that means none. */
export function wholeNumber(
  name: string,
  value: number | undefined,
  {
    least,
    most = Number.MAX_SAFE_INTEGER,
    none = false,
  }: { readonly least: number; readonly most?: number; readonly none?: boolean },
): number | undefined {
  if (value === undefined || (none && value === -1)) return value;
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  throw invalidLimit(name, value, `it must be a whole number ${range}${none ? ', or -1 for none' : ''}`);
}
