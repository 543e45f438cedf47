import type { RuntimeSpec } from '@slipway/plugin-api';

/** RLIM_INFINITY, which no JavaScript number is. */
const noLimit = '18446744073709551615';

const { rawJSON } = JSON as typeof JSON & { rawJSON(text: string): unknown };

/** The text of config.json. Infinity, of a limit of the process, is written as the kernel has it. */
export function formatSpec(spec: RuntimeSpec): string {
  return JSON.stringify(spec, (_, value: unknown) => (value === Number.POSITIVE_INFINITY ? rawJSON(noLimit) : value));
}
