import { diffTrees } from './diff-trees.ts';
import { listTree } from './list-tree.ts';

const usage =
  'usage: node tools/fs-tree/src/main.ts ROOT        one JSON line for each path\n       node tools/fs-tree/src/main.ts --diff A B    one JSON line for each difference; status 1 when there is one';

const [first, ...rest] = process.argv.slice(2);
if (first === '--diff' && rest.length === 2) {
  const differences = diffTrees(listTree(rest[0]!), listTree(rest[1]!));
  print(differences);
  process.exitCode = differences.length > 0 ? 1 : 0;
} else if (first !== undefined && !first.startsWith('--') && rest.length === 0) {
  print(listTree(first));
} else {
  process.stderr.write(`${usage}\n`);
  process.exitCode = 2;
}

function print(rows: readonly object[]): void {
  for (const row of rows) process.stdout.write(`${JSON.stringify(row)}\n`);
}
