import { writeSync } from 'node:fs';
import { openStore } from './open-store.ts';

/** Another process at work on a store: `node child.ts <root> <job> <ref> <bytes>`. */
const [root = '', job = '', ref = '', bytes = '0'] = process.argv.slice(2);
const say = (line: string): void => void writeSync(1, `${line}\n`);
await using opened = await openStore(root);
const { store } = opened;

const content = Buffer.alloc(Number(bytes), 'abcdefg');
try {
  const writer = await store.writer({ ref });
  if (job === 'hold') {
    await writer.write(content);
    say('holding');
    process.kill(process.pid, 'SIGSTOP');
  }
  if (job === 'commit') {
    say('begin');
    for (let at = writer.status().offset; at < content.length; at += 100_000)
      await writer.write(content.subarray(at, at + 100_000));
    const { digest } = await writer.commit();
    say(digest);
  }
  await writer.close();
} catch (error) {
  say(error instanceof Error && 'kind' in error ? String(error.kind) : String(error));
}
