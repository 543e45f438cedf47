import { type Network, type NetworkFeatures, networkPoint } from '@slipway/plugin-api';
import { cleanUpLaws } from '../clean-up-laws.js';
import { lawsOn } from '../law.js';
import type { LawRunner } from '../law-runner.js';
import { manifestLaws } from '../manifest-laws.js';
import { type OpenSubject, type SuiteOptions, temporaryRoot } from '../subject.js';
import { attachLaws } from './attach-laws.js';
import { cleanupLaws } from './cleanup-laws.js';
import { crashLaws } from './crash-laws.js';
import { detachLaws } from './detach-laws.js';
import { egressLaws } from './egress-laws.js';
import { failureLaws } from './failure-laws.js';
import { onHosts, type TestHost } from './host.js';
import { nameLaws } from './name-laws.js';
import { networkBookLaws } from './network-book-laws.js';
import { portLaws } from './port-laws.js';
import { processLaws } from './process-laws.js';

export interface NetworkLawOptions extends SuiteOptions {
  /** Does to what a disposed plugin left on `root` what a reboot would. Absent for what does not outlive its process. */
  readonly reboot?: ((root: string) => Promise<void>) | undefined;
  /** How often one container is attached and detached, with nothing left of it. Default 20. */
  readonly rounds?: number | undefined;
  /** How often a law asks for an answer that is to come, a second each time. Default 40: machines may be busy. */
  readonly tries?: number | undefined;
}

/** What laws of networks have beside their subject. */
export interface NetworkLaws extends NetworkLawOptions {
  readonly features: NetworkFeatures;
  /** The machine that the law is on. */
  readonly use: () => TestHost;
}

const methods = [
  'features',
  'create',
  'inspect',
  'list',
  'remove',
  'attach',
  'detach',
  'rename',
  'attachments',
  'cleanup',
] as const;

/**
 * The laws of network.v1, for any implementation, on real traffic. Each is in a network namespace of its own, which stands for the host: the test's process goes there. Needs root, `ip`,
 * `nft` and `nsenter`. What the features say is lacking is left out.
 */
export async function networkLaws(runner: LawRunner, open: OpenSubject<Network>, options: NetworkLawOptions = {}): Promise<void> {
  const { module } = options;
  const child = module === undefined ? undefined : { module, operator: new URL('./operator.js', import.meta.url).href };
  const hosts = onHosts(runner, options);
  const law = lawsOn(hosts.runner, open, child);
  const laws: NetworkLaws = { ...options, features: await featuresOf(open), use: hosts.use };

  runner.describe('laws of network.v1', () => {
    manifestLaws(hosts.runner, open, { point: networkPoint, methods }, options);
    runner.describe('networks', () => networkBookLaws(law, laws));
    runner.describe('attach', () => attachLaws(law, laws));
    runner.describe('failures', () => failureLaws(law, laws));
    runner.describe('detach', () => detachLaws(law, laws));
    runner.describe('cleanup', () => cleanupLaws(law, laws));
    if (laws.features.firewall !== 'none') runner.describe('ports', () => portLaws(law, laws));
    if (laws.features.names) runner.describe('names', () => nameLaws(law, laws));
    if (laws.features.egress) runner.describe('egress', () => egressLaws(law, laws));
    if (child !== undefined) {
      runner.describe('several processes', () => processLaws(law, laws));
      runner.describe('kill -9', () => crashLaws(law, laws));
    }
    cleanUpLaws(hosts.runner, open, { use: (network) => useAll(network, hosts.use()), afterDispose });
  });
}

async function featuresOf(open: OpenSubject<Network>): Promise<NetworkFeatures> {
  await using place = await temporaryRoot();
  await using subject = await open(place.root);
  return await subject.instance.features();
}

async function useAll(network: Network, host: TestHost): Promise<void> {
  await network.create('used', { labels: { a: 'b' } });
  using namespace = host.namespace();
  await network.attach({ id: 'user', namespace: namespace.path, networks: [{ network: 'used' }], names: ['user'] });
  await network.inspect('used');
  await network.rename('user', ['other']);
  await network.detach('user', { namespace: namespace.path });
  await network.remove('used');
  await network.cleanup(new Set());
}

function afterDispose(network: Network): Record<string, () => Promise<unknown>> {
  return {
    create: () => network.create('late'),
    inspect: () => network.inspect('late'),
    list: () => network.list(),
    remove: () => network.remove('late'),
    attach: () => network.attach({ id: 'late', namespace: '/proc/self/ns/net', networks: [{ network: 'late' }], names: [] }),
    detach: () => network.detach('late'),
    rename: () => network.rename('late', []),
    attachments: () => network.attachments('late'),
    cleanup: () => network.cleanup(new Set()),
  };
}
