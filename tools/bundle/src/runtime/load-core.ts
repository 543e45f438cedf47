import { closeSync, openSync, readFileSync } from 'node:fs';
import { createRequire, getCompileCacheDir, Module } from 'node:module';
import path from 'node:path';
import { constants, Script } from 'node:vm';
import { CoreCode } from './core-code.ts';

interface Core {
  readonly runCli: (argv: readonly string[]) => Promise<number>;
}

/** `images`, `images mount`; put in by the bundler. */
declare const commandNames: readonly string[];

/** Longer ones may have lost code that they have not used for a while. */
const shortMs = 5000;

/** Instead of the CLI's own module: that of the core, whose compiled code is kept where Node keeps it of other files. */
export async function runCli(argv: readonly string[]): Promise<number> {
  const file = path.join(import.meta.dirname, '../../core/dist/index.js');
  const folder = getCompileCacheDir();
  return (folder === undefined ? (createRequire(file)(file) as Core) : loadCore(file, folder, argv)).runCli(argv);
}

/** As Node does it, but for the compiled code. */
function loadCore(file: string, folder: string, argv: readonly string[]): Core {
  const fd = openSync(file, 'r');
  const code = new CoreCode(folder, file, fd, commandOf(argv));
  const text = readFileSync(fd, 'latin1');
  closeSync(fd);
  keepLoaderWarning();
  const script = new Script(`(function (exports, require, module, __filename, __dirname) {${text}\n})`, {
    filename: file,
    cachedData: code.data,
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  const module = new Module(file);
  const require = createRequire(file);
  require.cache[file] = module as NodeJS.Module;
  (script.runInThisContext() as (...values: unknown[]) => void)(module.exports, require, module, file, path.dirname(file));
  if (code.data === undefined || script.cachedDataRejected === true)
    process.on('exit', () => {
      if (process.uptime() * 1000 < shortMs) code.keep(script);
    });
  return module.exports as Core;
}

/** Node warns once that it may change how a script's import() is done; who runs a command can do nothing about that. Others are heard. */
function keepLoaderWarning(): void {
  const emit = process.emitWarning;
  process.emitWarning = ((warning: string | Error, ...rest: never[]) => {
    if (!String(warning).startsWith('vm.USE_MAIN_CONTEXT_DEFAULT_LOADER ')) return emit.call(process, warning, ...rest);
    process.emitWarning = emit;
  }) as typeof process.emitWarning;
}

/** The first words that are a command's; for nothing but the name of the file, so a value of an option may be taken for one. */
function commandOf(argv: readonly string[]): string {
  const first = argv.findIndex((word) => commandNames.some((name) => name === word || name.startsWith(`${word} `)));
  const both = argv.slice(first, first + 2).join(' ');
  return commandNames.includes(both) ? both : (argv[first] ?? '');
}
