import { openStore } from './open-store.ts';

/** `node trace-child.ts <root> part|rest`: leaves half of one content, or brings in its rest and two more contents beside it. */
const [root = '', mode = ''] = process.argv.slice(2);
await using opened = await openStore(root);
const half = Buffer.alloc(1_500_000, 'abcdefg');

async function bring(ref: string, ...parts: readonly Uint8Array[]): Promise<void> {
  await using writer = await opened.store.writer({ ref });
  for (const part of parts) await writer.write(part);
  await writer.commit();
}

if (mode === 'part') {
  await using writer = await opened.store.writer({ ref: 'resumed' });
  await writer.write(half);
} else {
  await Promise.all([bring('resumed', half), bring('large', Buffer.alloc(3_000_000, 'x')), bring('small', Buffer.from('y'))]);
}
