import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { linux } from '@slipway/linux';
import type { LayerTree } from '@slipway/plugin-api';
import { describe, expect, it, onTestFinished } from 'vitest';
import { compareTrees } from '../../dist/verify/compare-trees.js';

const whiteout = 0o020000;
const nothing = (): void => undefined;

/** A tree with one of everything. */
function makeTree(): string {
  const tree = mkdtempSync(path.join(tmpdir(), 'slipway-compare-'));
  onTestFinished(() => rmSync(tree, { recursive: true, force: true }));
  const at = (name: string): string => path.join(tree, name);
  mkdirSync(at('dir'));
  writeFileSync(at('dir/file'), 'content');
  linkSync(at('dir/file'), at('dir/link'));
  writeFileSync(at('twin'), 'content');
  linkSync(at('twin'), at('twin2'));
  symlinkSync('dir/file', at('symlink'));
  execFileSync('mkfifo', [at('fifo')]);
  linux.mknod(at('gone'), whiteout, 0, 0);
  linux.lsetxattr(at('dir'), 'trusted.overlay.opaque', Buffer.from('y'));
  linux.lsetxattr(at('dir/file'), 'user.x', Buffer.from([0, 1, 2]));
  settle(tree);
  return tree;
}

/** A tree on one that has the directories `dir` and `dir/dir`, and a file `file`. */
function onLower(tree: string): LayerTree[] {
  const lower = mkdtempSync(path.join(tmpdir(), 'slipway-compare-'));
  onTestFinished(() => rmSync(lower, { recursive: true, force: true }));
  mkdirSync(path.join(lower, 'dir/dir'), { recursive: true });
  writeFileSync(path.join(lower, 'file'), '');
  return [tree, lower].map(layerAt);
}

function layerAt(path: string): LayerTree {
  return { path, format: 'overlay' };
}

/** The same times everywhere, so that only what is meant differs. */
function settle(tree: string): void {
  for (const name of ['dir/file', 'twin', 'fifo', 'dir', '.']) utimesSync(path.join(tree, name), 1000, 1000);
  lutimesSync(path.join(tree, 'symlink'), 1000, 1000);
}

const changes: readonly { what: string; change: (tree: string) => void; found: string }[] = [
  {
    what: 'content of the same length',
    change: (tree) => writeFileSync(path.join(tree, 'dir/file'), 'CONTENT'),
    found: 'content that differs',
  },
  { what: 'length', change: (tree) => writeFileSync(path.join(tree, 'dir/file'), 'more content'), found: '12 bytes, expected 7' },
  { what: 'mode', change: (tree) => chmodSync(path.join(tree, 'dir'), 0o1700), found: 'mode 1700, expected 0755' },
  { what: 'owner', change: (tree) => chownSync(path.join(tree, 'twin'), 1, 2), found: 'owner 1:2, expected 0:0' },
  { what: 'file that is gone', change: (tree) => unlinkSync(path.join(tree, 'fifo')), found: '"/fifo": missing' },
  {
    what: 'file too many',
    change: (tree) => writeFileSync(path.join(tree, 'new'), ''),
    found: '"/new": a file, expected nothing',
  },
  {
    what: 'whiteout that is gone',
    change: (tree) => unlinkSync(path.join(tree, 'gone')),
    found: '"/gone": missing',
  },
  {
    what: 'file in place of a whiteout',
    change: (tree) => {
      unlinkSync(path.join(tree, 'gone'));
      writeFileSync(path.join(tree, 'gone'), '');
    },
    found: '"/gone": a file, expected a whiteout',
  },
  {
    what: 'opaque mark that is gone',
    change: (tree) => linux.lremovexattr(path.join(tree, 'dir'), 'trusted.overlay.opaque'),
    found: '"trusted.overlay.opaque" is missing',
  },
  {
    what: 'attribute of another value',
    change: (tree) => linux.lsetxattr(path.join(tree, 'dir/file'), 'user.x', Buffer.from([0, 1, 3])),
    found: '"user.x" has another value',
  },
  {
    what: 'link to elsewhere',
    change: (tree) => {
      unlinkSync(path.join(tree, 'symlink'));
      symlinkSync('dir/link', path.join(tree, 'symlink'));
    },
    found: 'link to "dir/link", expected "dir/file"',
  },
  {
    what: 'hard link that became a copy',
    change: (tree) => {
      unlinkSync(path.join(tree, 'twin2'));
      writeFileSync(path.join(tree, 'twin2'), 'content');
      utimesSync(path.join(tree, 'twin2'), 1000, 1000);
    },
    found: '1 names of one file, expected 2',
  },
  {
    what: 'hard link to another file',
    change: (tree) => {
      linux.lsetxattr(path.join(tree, 'twin'), 'user.x', Buffer.from([0, 1, 2]));
      unlinkSync(path.join(tree, 'twin2'));
      unlinkSync(path.join(tree, 'dir/link'));
      linkSync(path.join(tree, 'twin'), path.join(tree, 'dir/link'));
      linkSync(path.join(tree, 'dir/file'), path.join(tree, 'twin2'));
    },
    found: 'a name of another file than expected',
  },
];

describe('two trees', () => {
  it('that are the same have no difference', () => {
    expect(compareTrees(layerAt(makeTree()), onLower(makeTree()), nothing)).toEqual([]);
  });

  it.each(changes)('$what is a difference', ({ change, found }) => {
    const [changed, expected] = [makeTree(), makeTree()];
    change(changed);
    settleWhatIsThere(changed);
    expect(compareTrees(layerAt(changed), onLower(expected), nothing).join('\n')).toContain(found);
  });

  it.each([
    ['over a file', 'file', []],
    ['over nothing', 'new', []],
    ['in an opaque directory', 'dir/dir', []],
    ['over a directory', 'dir', ['"/dir": extended attribute "trusted.overlay.opaque" is missing']],
  ])('of which one has an opaque mark %s', (_, name, differences) => {
    const [found, expected] = [makeTree(), makeTree()];
    for (const tree of [found, expected]) mkdirSync(path.join(tree, name), { recursive: true });
    linux.lsetxattr(path.join(expected, name), 'trusted.overlay.opaque', Buffer.from('y'));
    if (name === 'dir') linux.lremovexattr(path.join(found, name), 'trusted.overlay.opaque');
    for (const tree of [found, expected]) settleWhatIsThere(tree);
    expect(compareTrees(layerAt(found), onLower(expected), nothing)).toEqual(differences);
  });

  it('with many differences tell the first ten', () => {
    const [changed, expected] = [makeTree(), makeTree()];
    for (let index = 0; index < 50; index++) writeFileSync(path.join(changed, `new${index}`), '');
    expect(compareTrees(layerAt(changed), onLower(expected), nothing)).toHaveLength(10);
  });

  it('deeper than a path can be long are compared to their ends', () => {
    const deep = (content: string): string => {
      const tree = mkdtempSync(path.join(tmpdir(), 'slipway-compare-'));
      onTestFinished(() => void execFileSync('rm', ['-rf', tree]));
      const name = 'd'.repeat(200);
      // A shell would name the whole path, which is too long.
      const dig = `
        for (let i = 0; i < 60; i++) { fs.mkdirSync('${name}'); process.chdir('${name}'); }
        fs.writeFileSync('end', '${content}');
        fs.utimesSync('end', 1000, 1000);
        for (let i = 0; i < 60; i++) { fs.utimesSync('.', 1000, 1000); process.chdir('..'); }
        fs.utimesSync('.', 1000, 1000);`;
      execFileSync(process.execPath, ['-e', dig], { cwd: tree });
      return tree;
    };
    expect(compareTrees(layerAt(deep('a')), onLower(deep('a')), nothing)).toEqual([]);
    expect(compareTrees(layerAt(deep('a')), onLower(deep('b')), nothing).join()).toContain('content that differs');
  });

  it('one of which is not there cannot be compared', () => {
    expect(() => compareTrees(layerAt('/nowhere'), onLower(makeTree()), nothing)).toThrow('ENOENT');
  });
});

function settleWhatIsThere(tree: string): void {
  execFileSync('find', [tree, '-not', '-type', 'c', '-exec', 'touch', '-h', '-d', '@1000', '{}', '+']);
}
