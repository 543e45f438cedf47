import { enableCompileCache } from 'node:module';
import { compileCacheFolder } from './compile-cache.js';

// Node starts its debugger on SIGUSR1 unless someone listens, and with --disable-sigusr1 nobody could listen (Node 26).
process.on('SIGUSR1', () => undefined);
const folder = compileCacheFolder();
if (folder !== undefined) enableCompileCache(folder);
// Only what is imported from here on is cached.
const { runCli } = await import('./cli.js');
process.exit(await runCli(process.argv.slice(2)));
