import { readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { hasCode, step } from '@slipway/plugin-api';
import { collectGarbage } from '../cni/chain.js';
import { runTool } from '../firewall/run-tool.js';
import type { OwnNetwork } from '../networks/own-network.js';
import { calledConflist } from './join-plan.js';
import type { AttachPlace } from './place.js';
import { release } from './release.js';

/** Detaches whoever is not among the living, and sweeps up what no record speaks of. Errors: the first that came; everything was tried. */
export async function cleanup(place: AttachPlace, living: ReadonlySet<string>): Promise<void> {
  const failures: unknown[] = [];
  const attempt = async (work: () => Promise<void>): Promise<void> => {
    await work().catch((error: unknown) => failures.push(error));
  };
  place.records.forgetOtherBoots();
  for (const id of place.records.ids()) if (!living.has(id)) await attempt(() => forget(place, id));
  using alone = await place.records.alone();
  if (alone !== undefined) {
    for (const network of place.book.own()) await attempt(async () => sweep(place, network));
    const attached = new Set(place.records.ids());
    const { firewall, names, egress } = await place.services();
    for (const service of [names, egress, firewall]) await attempt(() => service.cleanup(attached));
  }
  step('network.cleanup.done');
  if (failures.length > 0) throw failures[0];
}

async function forget(place: AttachPlace, id: string): Promise<void> {
  using claimed = await place.records.claim(id, { make: false });
  const record = claimed?.read();
  if (claimed === undefined) return;
  if (record === undefined || record.entries.length === 0) claimed.remove();
  else await release(place, claimed, record, record.entries);
}

/** Addresses and pairs of nobody. */
async function sweep({ records, book, config, services }: AttachPlace, network: OwnNetwork): Promise<void> {
  const all = records.all();
  const folder = path.join(records.addresses, network.name);
  const ids = new Set(records.ids());
  for (const name of filesIn(folder)) {
    // Beside addresses there are its lock and the last address that was given.
    if (!/^[0-9a-f.:_]+$/.test(name)) continue;
    const id = ownerOf(path.join(folder, name));
    if (id !== undefined && !ids.has(id)) rmSync(path.join(folder, name), { force: true });
  }
  const attached = all.flatMap(({ id, entries }) =>
    entries.filter((entry) => entry.network === network.name).map((entry) => ({ containerID: id, ifname: entry.interface })),
  );
  const conflist = book.find(network.name)?.conflist;
  if (conflist !== undefined) {
    const { firewall } = await services();
    const called = calledConflist(conflist, firewall.chainPlugins(network), records.addresses);
    await collectGarbage({ conflist: called, folders: config.plugin_folders }, attached);
  }
  const known = new Set(
    all.flatMap(({ entries }) => entries.flatMap(({ results }) => results[0]?.interfaces?.map(({ name }) => name) ?? [])),
  );
  for (const port of await portsOf(network.bridge))
    if (!known.has(port)) await runTool('remove an interface', 'ip', ['link', 'delete', 'dev', port]);
}

/** Whom host-local gave an address. Undefined where it has just taken it back: nobody attaches now, but somebody may detach. */
function ownerOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').split(/\s+/)[0] ?? '';
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function filesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}

/** Our ends of pairs that a bridge has; what somebody else has put on it is not ours. */
async function portsOf(bridge: string): Promise<readonly string[]> {
  const { output } = await runTool('look at a bridge', 'ip', ['-o', 'link', 'show', 'master', bridge, 'type', 'veth']);
  return output.split('\n').flatMap((line) => /^\d+: (veth[0-9a-f]+)@/.exec(line)?.[1] ?? []);
}
