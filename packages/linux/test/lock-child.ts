import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { linux } from '@slipway/linux';

const fd = openSync(process.argv[2] as string, 'w');
if (!linux.tryFlock(fd, 'exclusive')) throw new Error('the lock is taken');
const heir = spawn('sleep', ['1000'], { stdio: ['ignore', 'ignore', 'ignore', fd] });
console.log(heir.pid);
