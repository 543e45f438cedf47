import { isMainThread } from 'node:worker_threads';
import { type Step, stepChannel } from '@slipway/plugin-api';

// Preloaded with --import: this process sends itself a signal when it has reached a named step for the first time.
const [name, signal] = (process.env['SLIPWAY_SIGNAL_AT_STEP'] ?? '').split('=');
if (isMainThread && name !== undefined && signal !== undefined) {
  let sent = false;
  stepChannel.subscribe((message) => {
    if (sent || (message as Step).name !== name) return;
    sent = true;
    process.kill(process.pid, signal);
  });
}
