import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';

const root = path.join(import.meta.dirname, '../../..');

function nx(...args: readonly string[]): unknown {
  return JSON.parse(
    execFileSync('nx', args, { cwd: root, env: { ...process.env, NX_DAEMON: 'false' }, encoding: 'utf8', maxBuffer: 1 << 26 }),
  );
}

// Arguments of the caller, such as --base=HEAD~3, are nx's own.
const names = nx('show', 'projects', '--affected', '--json', ...process.argv.slice(2)) as readonly string[];
const { graph } = nx('graph', '--file=stdout') as {
  graph: { nodes: Readonly<Record<string, { readonly data: { readonly root: string } }>> };
};
const folders = names
  .map((name) => graph.nodes[name]?.data.root)
  .filter((folder) => folder !== undefined && existsSync(path.join(root, folder, 'test')))
  .map((folder) => `${folder}/test/`);
process.stdout.write(folders.length > 0 ? `affected: ${folders.join(' ')}\n` : 'affected: nothing\n');
if (folders.length > 0) process.exitCode = spawnSync('vitest', ['run', ...folders], { cwd: root, stdio: 'inherit' }).status ?? 1;
