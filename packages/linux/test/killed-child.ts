import { writeFileSync } from 'node:fs';
import { linux } from '@slipway/linux';
import type { Mount } from '@slipway/plugin-api';

const fd = linux.mountDetached([JSON.parse(process.argv[2] as string) as Mount]);
writeFileSync(`/proc/self/fd/${fd}/written`, '');
process.kill(process.pid, 'SIGKILL');
