import { closeSync, readdirSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { linux } from '@slipway/linux';
import type { LayersMount } from '@slipway/plugin-api';

const seen = Array.from({ length: 10 }, () => {
  const fd = linux.mountDetached([workerData as LayersMount], { readOnly: true });
  try {
    return readdirSync(`/proc/self/fd/${fd}`).sort();
  } finally {
    closeSync(fd);
  }
});
parentPort?.postMessage(seen);
