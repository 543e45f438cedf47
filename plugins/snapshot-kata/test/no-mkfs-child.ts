import { closeSync } from 'node:fs';
import { linux } from '@slipway/linux';
import { isSlipwayError } from '@slipway/plugin-api';
import { openKata } from './subject.ts';

const [root = '', what] = process.argv.slice(2);
// With one that a host with mkfs has made.
if (what === 'after') {
  await using before = await openKata(root, { upper: 'ext4', upper_size: 10_240 });
  await before.instance.prepare('before');
}
linux.unshareMounts();
const tree = linux.mountDetached([{ kind: 'generic', fstype: 'tmpfs', source: 'none', flags: [], data: {} }]);
linux.attachMount(tree, '/usr/sbin');
closeSync(tree);
try {
  await using opened = await openKata(root, { upper: what === 'directory' ? 'directory' : 'ext4', upper_size: 10_240 });
  console.log('opened');
  await opened.instance.prepare(`with ${what}`);
  console.log('prepared');
} catch (error) {
  if (!isSlipwayError(error)) throw error;
  console.log(`${error.code} ${error.message} (${error.hint})`);
}
