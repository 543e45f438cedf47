import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A package of a workspace made for one test. */
export interface Planned {
  readonly layer: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly slipway?: object;
  readonly tags?: readonly string[];
  readonly files?: Readonly<Record<string, string>>;
}

/** Writes a whole npm workspace with nx into a temporary folder; keys are folders such as `plugins/content-local`. */
export function workspaceOnDisk(plan: Readonly<Record<string, Planned>>): { root: string } & Disposable {
  const root = mkdtempSync(path.join(tmpdir(), 'slipway-checks-'));
  const write = (file: string, content: string | object): void => {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), typeof content === 'string' ? content : JSON.stringify(content, null, 2));
  };
  write('package.json', {
    name: 'w',
    private: true,
    workspaces: ['packages/*', 'plugins/*', 'tools/*'],
    devDependencies: { vitest: '1.2.3' },
  });
  write('package-lock.json', { name: 'w', lockfileVersion: 3, packages: {} });
  write('nx.json', { analytics: false, neverConnectToCloud: true, useDaemonProcess: false });
  write('tsconfig.json', { files: [], references: Object.keys(plan).map((folder) => ({ path: folder })) });
  for (const [folder, { layer, tags = [], files = {}, dependencies = {}, devDependencies, slipway }] of Object.entries(plan)) {
    const references = Object.keys(dependencies).filter((name) => nameToFolder(plan, name) !== undefined);
    write(`${folder}/package.json`, {
      name: `@slipway/${path.basename(folder)}`,
      version: '0.1.0',
      dependencies,
      devDependencies,
      slipway,
      nx: { tags: [`layer:${layer}`, ...tags] },
    });
    write(`${folder}/README.md`, 'line\n'.repeat(10));
    write(`${folder}/test/a.test.ts`, "import { test } from 'vitest';\ntest('a', () => {});\n");
    write(`${folder}/tsconfig.json`, {
      references: references.map((name) => ({ path: path.relative(folder, nameToFolder(plan, name) ?? '') })),
    });
    for (const [file, text] of Object.entries(files)) write(`${folder}/${file}`, text);
  }
  // nx refuses a workspace that it is not installed in.
  mkdirSync(path.join(root, 'node_modules'));
  symlinkSync(path.join(import.meta.dirname, '../../../node_modules/nx'), path.join(root, 'node_modules/nx'));
  write('.gitignore', 'node_modules/\n');
  execFileSync('git', ['init', '--quiet', root]);
  return { root, [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }) };
}

function nameToFolder(plan: Readonly<Record<string, Planned>>, name: string): string | undefined {
  return Object.keys(plan).find((folder) => `@slipway/${path.basename(folder)}` === name);
}
