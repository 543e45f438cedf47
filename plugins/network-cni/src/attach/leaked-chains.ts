import type { Conflist } from '../cni/conflist.js';
import { findTool, useTool } from '../firewall/run-tool.js';

/**
 * The rules by which the plugins bridge and ptp masquerade for a container (`ipMasq`) stay after a DEL without its namespace: they are found by the container's id in their comment, and their
 * chain by their target.
 */
export async function removeLeakedChains({ plugins }: Conflist, id: string): Promise<void> {
  if (!plugins.some((plugin) => plugin['ipMasq'] === true)) return;
  for (const program of ['iptables', 'ip6tables'] as const) {
    await removeFrom(program, (comment) => comment.includes(`id: "${id}"`));
  }
}

/** Removes rules of the table nat that lead to a chain of CNI's and whose comment is such, and these chains. */
export async function removeFrom(program: 'iptables' | 'ip6tables', isLeaked: (comment: string) => boolean): Promise<void> {
  // Without iptables no plugin has made rules by it.
  if (findTool(program) === undefined) return;
  const what = 'look for rules that a CNI plugin has left';
  const lines = (await useTool(what, `${program}-save`, ['-t', 'nat'])).split('\n');
  const leaked = lines.filter(
    (line) => /^-A (POSTROUTING|CNI-[0-9a-zA-Z-]+) .*--comment/.test(line) && isLeaked(line.replaceAll('\\"', '"')),
  );
  const chains = new Set(leaked.flatMap((line) => /-j (CNI-[0-9a-f]{24})(?: |$)/.exec(line)?.[1] ?? []));
  if (chains.size === 0) return;
  const rules = lines.filter((line) => [...chains].some((chain) => line.endsWith(`-j ${chain}`)));
  const script = [
    '*nat',
    ...rules.map((line) => line.replace(/^-A /, '-D ')),
    ...[...chains].flatMap((chain) => [`-F ${chain}`, `-X ${chain}`]),
    'COMMIT',
    '',
  ].join('\n');
  await useTool('remove rules that a CNI plugin has left', `${program}-restore`, ['--wait', '--noflush'], script);
}
