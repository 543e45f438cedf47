import { writeSync } from 'node:fs';
import { openStore } from './open-store.ts';

/** Another process that brings content in: `node child.ts <root> <bytes>`. */
const [root = '', bytes = '0'] = process.argv.slice(2);
await using opened = await openStore(root);
await using writer = await opened.store.writer({ ref: 'r' });
const content = Buffer.alloc(Number(bytes), 'abcdefg');
for (let at = 0; at < content.length; at += 100_000) await writer.write(content.subarray(at, at + 100_000));
const { digest } = await writer.commit();
writeSync(1, `${digest}\n`);
