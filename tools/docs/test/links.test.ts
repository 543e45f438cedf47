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

describe('README.md', () => {
  it('begins with commands that exist as scripts', () => {
    const readme = textOf('README.md');
    const section = readme.slice(0, nextHeading(readme));
    const commands = blocksOf(section)
      .filter(({ language }) => language === 'sh' || language === 'bash' || language === 'console')
      .flatMap(({ text }) => text.split('\n'))
      .map((line) => line.replace(/^\$ /, '').replace(/#.*$/, '').trim())
      .filter((line) => line !== '');
    expect(commands.length).toBeGreaterThan(0);
    expect(commands.filter((command) => !isScript(command))).toEqual([]);
  });
});

/** Where the second heading below the title begins: the first section is what stands before it. */
function nextHeading(markdown: string): number {
  const headings = [...prose(markdown).matchAll(/^## .*$/gm)].map(([heading]) => markdown.indexOf(`\n${heading}`));
  const withCommands = headings.filter((at) => blocksOf(markdown.slice(0, at)).length > 0);
  return withCommands[0] ?? markdown.length;
}

/** `tools/x.sh ...`, `npm run x` and `npm test` of this repository; `sudo` and variables before it do not count. */
function isScript(command: string): boolean {
  const words = command.split(/\s+/).filter((word) => word !== 'sudo' && !/^[A-Z_]+=/.test(word));
  const { scripts } = JSON.parse(textOf('package.json')) as { readonly scripts: Readonly<Record<string, string>> };
  const [program = '', first = '', second = ''] = words;
  if (program === 'npm' || program === 'npx') {
    if (first === 'run') return Object.hasOwn(scripts, second);
    return (
      first === 'ci' ||
      first === 'install' ||
      Object.hasOwn(scripts, first) ||
      existsSync(path.join(root, 'node_modules/.bin', first))
    );
  }
  return program.includes('/') && existsSync(path.join(root, program));
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
