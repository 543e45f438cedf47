/** client.ts FOLDER DIE_WITH_PARENT STEP [SCRIPT]: sets a container up under a monitor, and is killed just after the step. The script runs after the end. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { connectMonitor, type Monitor, startMonitor } from '@slipway/monitor';

const [folder = '', dieWithParent, lastStep, script] = process.argv.slice(2);
const sh = (script: string) => ['/bin/sh', '-c', script];
const pidFile = path.join(folder, 'pid');
const limitMs = 10_000;

function step(name: string): void {
  if (name === lastStep) process.kill(process.pid, 'SIGKILL');
}

/** As far as its bytes are in the socket. */
async function asked(monitor: Monitor, request: Promise<unknown>, name: string): Promise<void> {
  request.catch(() => {});
  if (name === lastStep) {
    await monitor.signal(0x7f).catch(() => {});
    step(name);
  }
  await request;
}

const monitor = await startMonitor({
  folder,
  dieWithParent: dieWithParent === 'true',
  stdin: 'null',
  stdout: 'pipe',
  stderr: 'pipe',
  mounts: [],
  keepOpen: [],
  supervision: {
    directory: folder,
    log: { maxBytes: 1 << 20, maxFiles: 1 },
    afterEnd: script === undefined ? undefined : { args: sh(script), env: [] },
  },
  starting: { args: sh('sleep 0.1; touch go'), limitMs },
  deletion: { args: sh('echo deleted >>deleted'), limitMs },
});
writeFileSync(path.join(folder, 'monitor'), String(monitor.pid));
step('set up');
const program = 'until [ -e go ]; do sleep 0.01; done; while :; do echo tick; sleep 0.01; done';
const create = monitor.create({ args: sh(`(sleep 0.1; ${program}) & echo $! >${pidFile}; sleep 0.1`), pidFile, limitMs });
await asked(monitor, create, 'create asked');
step('created');
const connection = await connectMonitor(folder, monitor.pid);
await connection.attach({ stdin: false, stdout: true, stderr: true });
step('attached');
await asked(monitor, monitor.start(), 'start asked');
step('started');
await monitor.detach();
step('detached');
await asked(monitor, monitor.stop(15, 1_000_000), 'stopped');
