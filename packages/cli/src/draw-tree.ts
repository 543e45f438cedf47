/** A thing with others that hang from it. */
export interface Branching<Node> {
  readonly children: readonly Node[];
}

interface Branch<Node> {
  readonly node: Node;
  readonly indent: string;
  readonly isLast: boolean;
}

/** A line for each node, depth first; without recursion, because chains are as long as images have layers. */
export function drawTree<Node extends Branching<Node>>(roots: readonly Node[], label: (node: Node) => string): string {
  let text = '';
  const pending = branches(roots, '');
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    text += `${at.indent}${at.isLast ? '└─ ' : '├─ '}${label(at.node)}\n`;
    pending.push(...branches(at.node.children, `${at.indent}${at.isLast ? '   ' : '│  '}`));
  }
  return text;
}

/** The first one last, to be taken first. */
function branches<Node>(nodes: readonly Node[], indent: string): Branch<Node>[] {
  return nodes.map((node, index) => ({ node, indent, isLast: index === nodes.length - 1 })).reverse();
}
