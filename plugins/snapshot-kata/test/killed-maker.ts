import { subscribe } from 'node:diagnostics_channel';
import { openKata } from './subject.ts';

subscribe('slipway:step', (message) => {
  if ((message as { readonly name: string }).name === 'kata.template.made') process.kill(process.pid, 'SIGKILL');
});
const { instance } = await openKata(process.argv[2] as string, { upper: 'ext4', upper_size: 10_240 });
await instance.prepare('k');
