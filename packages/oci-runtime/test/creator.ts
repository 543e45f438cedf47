/** creator.ts FOLDER ID DIE_WITH_PARENT STEP: creates and starts a container, and is killed just after the step. */
import { subscribe } from 'node:diagnostics_channel';
import type { Step } from '@slipway/plugin-api';
import { Host } from './host.ts';

const [folder = '', id = '', dieWithParent, lastStep] = process.argv.slice(2);
subscribe('slipway:step', (message) => {
  if ((message as Step).name === lastStep) process.kill(process.pid, 'SIGKILL');
});
const host = new Host({ folder });
const container = await host.create(['sleep', '1000'], { id, request: { dieWithParent: dieWithParent === 'true' } });
await container.start();
if (lastStep === 'runtime.delete.deleted') await host.runtime.delete(id);
// The end of main does not end the process: the container's streams are open.
process.stdout.write('alive\n');
