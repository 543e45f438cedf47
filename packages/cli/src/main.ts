import module from 'node:module';
import { compileCacheFolder } from './compile-cache.js';

const oldest = 24;

if (Number.parseInt(process.versions.node, 10) < oldest) {
  // The launcher does not look: no Node is brought along, and this is the one in PATH.
  process.stderr.write(
    `slipway: no Node ${oldest} or newer: ${process.execPath} is ${process.version}\n` +
      'hint: install Node 24 or newer, or the npm package "node" beside Slipway\n',
  );
  process.exit(125);
}
// Node starts its debugger on SIGUSR1 unless someone listens, and with --disable-sigusr1 nobody could listen (Node 26).
process.on('SIGUSR1', () => undefined);
const folder = compileCacheFolder();
if (folder !== undefined) module.enableCompileCache(folder);
// Only what is imported from here on is cached.
void import('./cli.js').then(async ({ runCli }) => process.exit(await runCli(process.argv.slice(2))));
