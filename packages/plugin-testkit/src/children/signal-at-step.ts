import { isMainThread } from 'node:worker_threads';
import { type Step, stepChannel } from '@slipway/plugin-api';

// Preloaded with --import: this process sends itself a signal when it has announced a named step for the n-th time.
const [name, signal, times] = (process.env['SLIPWAY_SIGNAL_AT_STEP'] ?? '').split('=');
if (isMainThread && name !== undefined && signal !== undefined) {
  let left = Number(times);
  stepChannel.subscribe((message) => {
    if ((message as Step).name !== name) return;
    left -= 1;
    if (left === 0) process.kill(process.pid, signal);
  });
}
