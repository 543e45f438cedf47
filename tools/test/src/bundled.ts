import { existsSync, globSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../../..');
const build = path.join(root, 'build');
const tests = path.join(root, 'tools/e2e/');
/** Their `slipway.ts` starts the command of the tree. */
const commands = path.join(root, 'packages/cli/test/');
/** A program here imports what is bundled: Node looks for packages beside it. */
const programs = path.join(build, 'e2e');

/** A plugin of Vite, as far as this one is one. */
interface Resolver {
  readonly name: string;
  readonly enforce: 'pre';
  resolveId(source: string, importer: string | undefined): string | undefined;
}

/**
 * The tests of the whole way test what people run: for `tools/e2e` our packages are those of `build/`, and its programs, which are
 * processes of their own, are copied there. They load in two thirds of the processor time, too. Those of `packages/cli` start the command of `build/`.
 */
export function bundled(): Resolver {
  let isReady = false;
  const ready = (): void => {
    if (!isReady) prepare();
    isReady = true;
  };
  return {
    name: 'slipway-bundled',
    enforce: 'pre',
    resolveId(source, importer) {
      if (importer?.startsWith(commands) === true && source === './slipway.js') ready();
      if (importer?.startsWith(tests) !== true || !/^(slipway|@slipway\/[\w-]+)$/.test(source)) return undefined;
      ready();
      // What only tests need is not bundled.
      const folder = path.join(build, 'node_modules', source);
      return existsSync(folder) ? path.join(folder, mainOf(folder)) : undefined;
    },
  };
}

function mainOf(folder: string): string {
  const { exports } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as {
    readonly exports: { readonly '.': { readonly default: string } };
  };
  return exports['.'].default;
}

function prepare(): void {
  const packages = path.join(build, 'node_modules');
  const madeMs = existsSync(packages) ? statSync(packages).mtimeMs : 0;
  const newer = globSync('{packages,plugins}/*/dist/**/*.js', { cwd: root })
    .filter((file) => !file.startsWith('packages/plugin-testkit/'))
    .find((file) => statSync(path.join(root, file)).mtimeMs > madeMs);
  if (newer !== undefined) throw new Error(`what is tested is in build/, which is older than ${newer}: npm run build`);
  for (const file of globSync('tools/e2e/src/**/*.{ts,c}', { cwd: root })) {
    copy(path.join(root, file), path.join(programs, path.relative('tools/e2e/src', file)));
  }
}

/** Whole at any moment: the tests of another run may be about to start it. */
function copy(from: string, to: string): void {
  const bytes = readFileSync(from);
  if (existsSync(to) && readFileSync(to).equals(bytes)) return;
  mkdirSync(path.dirname(to), { recursive: true });
  const fresh = `${to}.${process.pid}`;
  writeFileSync(fresh, bytes);
  renameSync(fresh, to);
}
