import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { anchorsOf, blocksOf, pagesOf, prose, relativeLinks } from '../src/markdown.ts';

const root = path.resolve(import.meta.dirname, '../../..');
const pages = pagesOf(root);
const textOf = (file: string): string => readFileSync(path.join(root, file), 'utf8');

describe('pages', () => {
  it('are found', () => {
    expect(pages).toEqual(expect.arrayContaining(['ARCHITECTURE.md', 'CONTRIBUTING.md', 'docs/library.md']));
  });

  it.each(pages)('%s links to what is there', (page) => {
    const broken = relativeLinks(textOf(page)).flatMap(({ target, line }) => {
      const [file = '', anchor] = target.split('#');
      const found = file === '' ? page : path.posix.join(path.posix.dirname(page), decodeURI(file));
      if (found.startsWith('..') || !existsSync(path.join(root, found))) return [`${page}:${line}: ${target}`];
      if (anchor === undefined || !found.endsWith('.md')) return [];
      return anchorsOf(textOf(found)).has(anchor) ? [] : [`${page}:${line}: ${target} (no such heading)`];
    });
    expect(broken).toEqual([]);
  });
});

describe('commands', () => {
  it("of README.md's first section exist as scripts", () => {
    const readme = textOf('README.md');
    const commands = commandsOf(readme.slice(0, endOfFirstSection(readme)));
    expect(commands.length).toBeGreaterThan(0);
    expect(commands.filter((command) => !exists(command))).toEqual([]);
  });

  it.each(pages.filter((page) => page === 'README.md' || page.startsWith('docs/')))('of slipway in %s exist', (page) => {
    const commands = commandsOf(textOf(page)).filter((command) => command.startsWith('slipway '));
    expect(commands.filter((command) => !exists(command))).toEqual([]);
  });
});

const shells = ['sh', 'bash', 'console'];

/** The commands of all shell blocks of a page, each part of a pipeline for itself. */
function commandsOf(markdown: string): string[] {
  return blocksOf(markdown)
    .filter(({ language }) => shells.includes(language))
    .flatMap(({ text }) => text.replaceAll('\\\n', ' ').split('\n'))
    .map((line) => line.replace(/^\$ /, '').replace(/(^| )#.*$/, ''))
    .flatMap((line) => line.split(/ (?:\||\|\||&&) /))
    .map((command) => command.trim())
    .filter((command) => command !== '');
}

/** The first section is what stands before the second heading below the title that follows a command. */
function endOfFirstSection(markdown: string): number {
  const headings = [...prose(markdown).matchAll(/^## .*$/gm)].map(([heading]) => markdown.indexOf(`\n${heading}`));
  return headings.find((at) => commandsOf(markdown.slice(0, at)).length > 0) ?? markdown.length;
}

const wordsOfShells = ['cd', 'echo', 'export', 'git'];

/** A script or npm script of this repository, a command of `slipway`, or a word that every shell knows. */
function exists(command: string): boolean {
  const words = command.split(/\s+/).filter((word) => word !== 'sudo' && !/^[A-Z_]+=/.test(word));
  const { scripts } = JSON.parse(textOf('package.json')) as { readonly scripts: Readonly<Record<string, string>> };
  const [program = '', first = '', second = ''] = words;
  if (program === 'slipway') return isSlipwayCommand(words.slice(1).find((word) => !word.startsWith('-')) ?? 'help');
  if (program === 'npx') return existsSync(path.join(root, 'node_modules/.bin', first));
  if (program === 'npm') return first === 'run' ? Object.hasOwn(scripts, second) : ['ci', 'install', 'test'].includes(first);
  return wordsOfShells.includes(program) || (program.includes('/') && existsSync(path.join(root, program)));
}

function isSlipwayCommand(name: string): boolean {
  return spawnSync(path.join(root, 'packages/cli/bin/slipway'), ['help', name], { stdio: 'ignore' }).status === 0;
}

describe('blocksOf', () => {
  it('takes fenced blocks with their language and line', () => {
    expect(blocksOf('a\n```js\nx\n\n```\n- b\n  ~~~\n  y\n  ~~~\n')).toEqual([
      { language: 'js', text: 'x\n\n', line: 2 },
      { language: '', text: 'y\n', line: 7 },
    ]);
  });

  it('refuses a block without an end', () => {
    expect(() => blocksOf('```sh\nx\n')).toThrow('line 1');
  });
});

describe('relativeLinks', () => {
  it('leaves out other hosts and code', () => {
    const text = '[a](b.md#c) [d](https://e.example) `[f](g)`\n```\n[h](i)\n```\n[j]: k.md\n';
    expect(relativeLinks(text)).toEqual([
      { target: 'b.md#c', line: 1 },
      { target: 'k.md', line: 5 },
    ]);
  });
});
