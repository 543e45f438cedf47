import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';

/** A fenced block of a page. */
export interface Block {
  /** The first word after the fence: `js`, `sh`; empty when there is none. */
  readonly language: string;
  readonly text: string;
  /** Of the fence, counted from 1. */
  readonly line: number;
}

/** The fenced blocks of a page, in order. Indented ones lose their indentation. */
export function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = [];
  let open: { readonly fence: string; readonly indent: number; readonly language: string; readonly line: number } | undefined;
  let lines: string[] = [];
  for (const [index, line] of markdown.split('\n').entries()) {
    const [, indent = '', fence = '', language = ''] = /^( *)(`{3,}|~{3,})(\S*)/.exec(line) ?? [];
    if (open === undefined) {
      if (fence !== '') open = { fence, indent: indent.length, language, line: index + 1 };
    } else if (fence === open.fence && language === '') {
      blocks.push({ language: open.language, text: lines.map((text) => `${text}\n`).join(''), line: open.line });
      open = undefined;
      lines = [];
    } else {
      lines.push(line.slice(Math.min(open.indent, line.length - line.trimStart().length)));
    }
  }
  if (open !== undefined) throw new Error(`the block of line ${open.line} has no end`);
  return blocks;
}

/** The page without its fenced blocks and without code in backticks, where brackets mean other things. Lines stay in place. */
export function prose(markdown: string): string {
  let fence = '';
  const lines = markdown.split('\n').map((line) => {
    const found = /^ *(`{3,}|~{3,})/.exec(line)?.[1];
    if (found !== undefined && (fence === '' || fence === found)) {
      fence = fence === '' ? found : '';
      return '';
    }
    return fence === '' ? line.replace(/(`+).*?\1/g, '') : '';
  });
  return lines.join('\n');
}

/** What a page links to inside the repository, as written. */
export function relativeLinks(markdown: string): { readonly target: string; readonly line: number }[] {
  return prose(markdown)
    .split('\n')
    .flatMap((text, index) => {
      const inline = [...text.matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g)];
      const definitions = [...text.matchAll(/^\s*\[[^\]]+\]:\s*(\S+)/g)];
      return [...inline, ...definitions].map(([, target = '']) => ({ target, line: index + 1 }));
    })
    .filter(({ target }) => !/^[a-z][a-z0-9+.-]*:/i.test(target));
}

/** The anchors that the headings of a page make, as code hosts make them. */
export function anchorsOf(markdown: string): Set<string> {
  const anchors = new Set<string>();
  const seen = new Map<string, number>();
  const unfenced = markdown.replace(/^( *)(`{3,}|~{3,})[\s\S]*?^ *\2 *$/gm, '');
  for (const [, heading = ''] of unfenced.matchAll(/^#{1,6} +(.+?) *#*$/gm)) {
    const slug = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-');
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    anchors.add(count === 0 ? slug : `${slug}-${count}`);
  }
  return anchors;
}

/** Every page of the repository that git knows or would take, relative to its root. */
export function pagesOf(root: string): string[] {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '*.md'], { cwd: root });
  return listed
    .toString()
    .split('\0')
    .filter((file) => file !== '' && existsSync(path.join(root, file)));
}
