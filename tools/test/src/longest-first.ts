import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../../..');

/** Those of more than half a minute. Begun last, such a one would go on alone when all others have ended. */
export const longest: readonly string[] = [
  'tools/e2e/test/limits-v2.test.ts',
  'tools/e2e/test/faults-pull.test.ts',
  'plugins/runtime-kata/test/laws.test.ts',
  'tools/e2e/test/network-machines.test.ts',
  'tools/e2e/test/faults-run.test.ts',
  'tools/e2e/test/machines-ends.test.ts',
  'tools/e2e/test/machines.test.ts',
  'tools/e2e/test/machines-faults.test.ts',
  'plugins/network-cni/test/laws.test.ts',
  'plugins/network-cni/test/laws-nftables.test.ts',
  'packages/plugin-testkit/test/broken-networks.test.ts',
  'tools/e2e/test/network-crash.test.ts',
  'plugins/snapshot-kata/test/ext4-laws.test.ts',
  'plugins/runtime-kata/test/machine.test.ts',
  'plugins/runtime-kata/test/guest-trees.test.ts',
  'plugins/runtime-kata/test/verity.test.ts',
  'plugins/runtime-kata/test/template.test.ts',
  'plugins/runtime-kata/test/shim-machine.test.ts',
  'plugins/differ-tar/test/laws.test.ts',
  'plugins/differ-erofs/test/laws.test.ts',
  'packages/guest/test/agent.test.ts',
  'tools/docs/test/machines.test.ts',
  'plugins/snapshot-kata/test/directory-laws.test.ts',
  'tools/e2e/test/crash-lifecycle.test.ts',
  'tools/e2e/test/faults-store.test.ts',
  'tools/e2e/test/soak.test.ts',
  'packages/plugin-testkit/test/broken-runtimes.test.ts',
  'packages/cli/test/streams.test.ts',
  'packages/plugin-testkit/test/broken-differs.test.ts',
  'plugins/network-cni/test/firewall-traffic.test.ts',
  'tools/e2e/test/crash-storm.test.ts',
  'tools/e2e/test/crash-pull.test.ts',
  'tools/e2e/test/crash-random.test.ts',
  'tools/e2e/test/streams-output.test.ts',
  'tools/e2e/test/trees.test.ts',
  'tools/e2e/test/many-processes.test.ts',
  'tools/e2e/test/abort.test.ts',
  'tools/e2e/test/cli-lifecycle-states.test.ts',
  'tools/e2e/test/concurrency.test.ts',
  'tools/e2e/test/bad-input/registry.test.ts',
  'plugins/snapshot-overlay/test/laws.test.ts',
  'plugins/snapshot-native/test/laws.test.ts',
  'tools/e2e/test/verify.test.ts',
  'tools/e2e/test/crash-made.test.ts',
  'tools/docs/test/containers.test.ts',
  'tools/e2e/test/crash-run.test.ts',
  'packages/plugin-testkit/test/broken-contents.test.ts',
  'packages/monitor/test/kills.test.ts',
];

/** The longest files first, and all others in the order that they had. */
export function longestFirst<T extends { readonly moduleId: string }>(files: readonly T[]): T[] {
  const rank = ({ moduleId }: T): number => {
    const index = longest.indexOf(path.relative(root, moduleId));
    return index === -1 ? longest.length : index;
  };
  return files.toSorted((a, b) => rank(a) - rank(b));
}
