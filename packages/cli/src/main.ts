import { enableCompileCache } from 'node:module';
import { compileCacheFolder } from './compile-cache.js';

const folder = compileCacheFolder();
if (folder !== undefined) enableCompileCache(folder);
// Only what is imported from here on is cached.
const { runCli } = await import('./cli.js');
process.exit(await runCli(process.argv.slice(2)));
