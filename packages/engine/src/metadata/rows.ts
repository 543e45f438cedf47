import type { Descriptor, Digest } from '@slipway/plugin-api';
import * as v from 'valibot';

/**
 * Rows of one namespace start with its name. Names, containers and leases are private to a namespace; blobs and committed
 * snapshots are shared below it. There is one namespace, and no way to ask for another, until someone needs two.
 */
const namespace = 'default';

export const rowPrefix = `${namespace}/`;

export function rowKey(name: string): string {
  return rowPrefix + name;
}

export function rowName(key: string): string {
  return key.slice(rowPrefix.length);
}

/** Not `v.record`: that leaves out keys such as `__proto__` and `constructor`, which are labels like any other. */
export const labelsSchema = v.custom<Record<string, string>>(
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((label) => typeof label === 'string'),
  'expected labels: an object of strings',
);

/** As stored by ourselves, so only what later code relies on is checked. */
export const descriptorSchema: v.GenericSchema<unknown, Descriptor> = v.looseObject({
  mediaType: v.string(),
  digest: v.string() as v.GenericSchema<unknown, Digest>,
  size: v.number(),
}) as v.GenericSchema<unknown, Descriptor>;
