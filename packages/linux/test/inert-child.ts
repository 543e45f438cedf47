import { mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { linux } from '@slipway/linux';

const [source, lower, place] = process.argv.slice(2) as [string, string, string];
linux.unshareMounts();
const results = [
  linux.mountDetached([{ kind: 'bind', source, readOnly: true }]),
  linux.mountDetached([{ kind: 'overlay', lower: [source, lower] }]),
].map((tree) => {
  mkdirSync(place, { recursive: true });
  linux.attachMount(tree, place, { inert: true });
  let device: unknown = 'opened';
  try {
    openSync(join(place, 'null'), 'r');
  } catch (error) {
    device = (error as NodeJS.ErrnoException).code;
  }
  const line =
    readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .find((text) => text.includes(` ${place} `)) ?? '';
  linux.unmount(place, { detach: true });
  return { device, options: (line.split(' ')[5] ?? '').split(',').filter((word) => ['ro', 'nosuid', 'nodev'].includes(word)) };
});
console.log(JSON.stringify(results));
