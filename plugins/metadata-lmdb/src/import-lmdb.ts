const nativeExtraction = 'MSGPACKR_NATIVE_ACCELERATION_DISABLED';

/**
 * Importing lmdb costs 20 to 40 ms, so only who opens a store does it. A third of that is a native part of msgpackr, which
 * lmdb brings for values in another format than ours; msgpackr leaves it out when asked by this variable, at import only.
 */
export async function importLmdb(): Promise<typeof import('lmdb')> {
  const before = process.env[nativeExtraction];
  process.env[nativeExtraction] = 'true';
  try {
    return await import('lmdb');
  } finally {
    if (before === undefined) delete process.env[nativeExtraction];
    else process.env[nativeExtraction] = before;
  }
}
