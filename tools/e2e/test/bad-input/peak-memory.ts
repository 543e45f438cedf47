import { writeFileSync } from 'node:fs';

// Loaded by `node --import` into a command: its largest resident set, in KiB, is written when it ends.
const file = process.env['SLIPWAY_E2E_PEAK'];
if (file !== undefined) process.on('exit', () => writeFileSync(file, String(process.resourceUsage().maxRSS)));
