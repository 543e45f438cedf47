import { runTool } from '../firewall/run-tool.js';
import { hasInterface } from '../networks/host-routes.js';
import type { AttachmentEntry } from './attachment-record.js';

/** The host's end of a pair that this was made with: it goes with its namespace. Undefined where none is known. */
const hostEnd = ({ own, attachment, results }: AttachmentEntry): string | undefined =>
  attachment?.hostInterface ??
  results[0]?.interfaces?.find(({ name, sandbox }) => name !== own?.bridge && (sandbox ?? '') === '')?.name;

/**
 * Whether its namespace has gone: the kernel gives its inode, and we its descriptor, to the next one at once, which is another container's.
 */
export function isNamespaceGone(entry: AttachmentEntry): boolean {
  const name = entry.own === undefined ? entry.attachment?.hostInterface : hostEnd(entry);
  return name !== undefined && !hasInterface(name);
}

/**
 * The host's end of a pair is gone with the container's end, but for a namespace that still lives and is not to be found any more. Names are used again by
 * others: it is known by its address, too.
 */
export async function removeHostInterface({ own, attachment, results, hostMac }: AttachmentEntry): Promise<void> {
  if (own === undefined) return;
  const known = results[0]?.interfaces?.find(({ name, sandbox }) => name !== own.bridge && (sandbox ?? '') === '');
  const name = attachment?.hostInterface ?? known?.name;
  const mac = hostMac ?? known?.mac?.toLowerCase();
  if (name === undefined || mac === undefined || !hasInterface(name)) return;
  const { output, code } = await runTool('look at an interface', 'ip', ['-o', 'link', 'show', 'dev', name]);
  if (code === 0 && output.includes(`link/ether ${mac} `))
    await runTool('remove an interface', 'ip', ['link', 'delete', 'dev', name]);
}
