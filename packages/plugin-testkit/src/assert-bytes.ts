import assert from 'node:assert/strict';

/** Asserts that bytes are the same. `deepEqual` would search for the shortest difference, which takes minutes for some kilobytes. */
export function assertBytes(found: Uint8Array, expected: Uint8Array): void {
  if (Buffer.compare(found, expected) === 0) return;
  const at = expected.findIndex((byte, index) => found[index] !== byte);
  assert.fail(
    at < 0 || at >= found.length
      ? `found ${found.length} bytes, expected ${expected.length}`
      : `found another byte at ${at} of ${found.length}, expected ${expected.length} bytes`,
  );
}
