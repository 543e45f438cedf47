import { hasCode } from '@slipway/plugin-api';
import type { Conflist } from '../cni/conflist.js';
import { run } from '../command.js';

/**
 * The rules by which the plugins bridge and ptp masquerade for a container (`ipMasq`) stay after a DEL without its namespace: they are found by the container's id in their comment, and their
 * chain by their target.
 */
export async function removeLeakedChains({ plugins }: Conflist, id: string): Promise<void> {
  if (!plugins.some((plugin) => plugin['ipMasq'] === true)) return;
  await Promise.all(
    ['iptables', 'ip6tables'].map((program) => removeFrom(program, (comment) => comment.includes(`id: "${id}"`))),
  );
}

/** Removes rules of the table nat that lead to a chain of CNI's and whose comment is such, and these chains. */
export async function removeFrom(program: string, isLeaked: (comment: string) => boolean): Promise<void> {
  const saved = await run(`${program}-save`, ['-t', 'nat']).catch((error: unknown) => {
    // Without iptables no plugin has made rules by it.
    if (hasCode(error, 'NETWORK_TOOL_NOT_FOUND')) return undefined;
    throw error;
  });
  const lines = saved?.output.split('\n') ?? [];
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
  await run(`${program}-restore`, ['--noflush'], script);
}
