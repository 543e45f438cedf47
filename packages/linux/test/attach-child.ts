import { closeSync, openSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { linux } from '@slipway/linux';

const [place, other] = process.argv.slice(2) as [string, string];
linux.unshareMounts();
linux.attachMount(3, place);
writeFileSync(join(place, 'written'), 'by the child');
const overlay = readdirSync(place).sort();
linux.attachMount(4, other);
const bind = readdirSync(other).sort();
const tmpfs = linux.mountDetached([{ kind: 'generic', fstype: 'tmpfs', source: 'inner', flags: [], data: {} }]);
linux.attachMount(tmpfs, join(other, 'inner'));
const held = openSync(join(place, 'written'), 'r');
let busy: unknown;
try {
  linux.unmount(place);
} catch (error) {
  busy = (error as NodeJS.ErrnoException).code;
}
closeSync(held);
linux.unmount(place, { detach: true });
console.log(JSON.stringify({ overlay, bind, busy, afterwards: readdirSync(place) }));
