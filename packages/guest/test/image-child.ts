import { subscribe } from 'node:diagnostics_channel';
import { guestImage } from '@slipway/guest';

/** `node image-child.ts <images> <kernel> <modules> [kill at]`: prints the image's key. */
const [images = '', kernel = '', modules = '', killAt] = process.argv.slice(2);
subscribe('slipway:step', (message) => {
  if ((message as { name: string }).name === killAt) process.kill(process.pid, 'SIGKILL');
});
process.stdout.write((await guestImage(images, { kernel, modules })).key);
