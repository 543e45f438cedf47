import { parseSync, Visitor } from 'oxc-parser';

/** One module that a file names, in whatever way: import, export from, type import, import(), require, import.meta.resolve. */
export interface ImportUse {
  readonly specifier: string;
  readonly line: number;
}

/** All modules that a source file names by a literal. A computed `import()` names none: that is how the kernel loads plugins. */
export function importsOf(file: string, text: string): ImportUse[] {
  const { program, errors } = parseSync(file, text);
  if (errors.length > 0) throw new Error(`${file} cannot be parsed: ${errors[0]?.message}`);
  const uses: ImportUse[] = [];
  const add = (node: Literal | null | undefined): void => {
    if (typeof node?.value === 'string') uses.push({ specifier: node.value, line: lineAt(text, node.start) });
  };
  new Visitor({
    ImportDeclaration: (node) => add(node.source),
    ExportNamedDeclaration: (node) => add(node.source),
    ExportAllDeclaration: (node) => add(node.source),
    ImportExpression: (node) => add(node.source as Literal),
    TSImportType: (node) => add(node.source as Literal),
    TSExternalModuleReference: (node) => add(node.expression as Literal),
    CallExpression: (node) => {
      if (resolvesModule(text.slice(node.callee.start, node.callee.end))) add(node.arguments[0] as Literal | undefined);
    },
  }).visit(program);
  return uses.sort((a, b) => a.line - b.line);
}

interface Literal {
  readonly value?: unknown;
  readonly start: number;
}

function resolvesModule(callee: string): boolean {
  return ['require', 'require.resolve', 'import.meta.resolve'].includes(callee);
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}
