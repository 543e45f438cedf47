import { noRlimit, runtimeJson } from '@slipway/oci';
import { expect, test } from 'vitest';

test('no limit is written as the kernel has it, and what was read is written as it was', () => {
  const text = '{"a":[18446744073709551615,18446744073709549568,5],"b":"18446744073709551615","c":null}';
  expect((JSON.parse(text) as { a: number[] }).a[0]).toBe(noRlimit);
  const written = runtimeJson(JSON.parse(text));
  expect(written).toBe(text.replace('18446744073709549568', '18446744073709550000'));
  expect(runtimeJson(JSON.parse(written))).toBe(written);
});
