/** Which test kills at a step. A test that traces its steps kills at each that it meets, and must meet these. */
export const killedSteps = {
  /** `crash-pull`. */
  pull: [
    'operation.begun',
    'resolve.resolved',
    'pull.resolved',
    'pull.manifest',
    'pull.config',
    'fetch.connected',
    'fetch.received',
    'fetch.committed',
    'content.ingest.opened',
    'content.ingest.written',
    'content.commit.synced',
    'content.commit.renamed',
    'content.commit.durable',
    'metadata.write.durable',
    'unpack.prepared',
    'diff.apply.opened',
    'diff.apply.applied',
    'unpack.applied',
    'unpack.committed',
    'snapshot.prepare.directory',
    'snapshot.prepare.recorded',
    'snapshot.commit.synced',
    'snapshot.commit.recorded',
    'names.changed',
    'pull.recorded',
    'operation.ended',
  ],
  /** `crash-layers`. */
  staged: ['diff.stage.opened', 'diff.stage.staged', 'unpack.staged', 'diff.rebase.rebased', 'unpack.rebased', 'unpack.unstaged'],
  fetchedAgain: ['layers.fetched'],
  /** `discard`. */
  discarded: ['pull.recorded', 'sweep.marked', 'sweep.content', 'layers.discarded'],
  /** `crash-run`. */
  run: [
    'run.prepared',
    'run.bundled',
    'runtime.monitor.started',
    'runtime.create.mounted',
    'runtime.create.created',
    'run.created',
    'runtime.start.started',
    'run.started',
    'runtime.exited',
    'run.exited',
    'runtime.delete.deleted',
  ],
  /** `crash-lifecycle`. */
  lifecycle: [
    'create.kept',
    'run.kept',
    'operation.left',
    'operation.settled',
    'stop.stopped',
    'rename.renamed',
    'runtime.exec.begun',
    'runtime.exec.started',
    'runtime.exec.exited',
    'container.attached',
    'remove.removed',
  ],
  /** `network-crash`. */
  networks: [
    'network.recorded',
    'network.attached',
    'network.detached',
    'network.connected',
    'network.dropped',
    'network.disconnected',
    'network.created',
    'network.removed',
  ],
  /** `crash-run`, too. */
  otherStack: ['unpack.recorded'],
  /** `crash-cleanup`. */
  recovery: ['operation.recovered'],
  removal: ['sweep.marked', 'snapshot.remove.recorded', 'snapshot.remove.deleted'],
  mount: ['images.mounted'],
  /** `gc-crash`. */
  prune: ['prune.ingests', 'prune.images', 'sweep.found', 'sweep.unneeded', 'sweep.snapshots', 'sweep.marked', 'sweep.content'],
  /** `gc-beside-pull`. */
  besideRemoval: ['lease.waiting'],
  /** `verify`. */
  repair: ['verify.blob.repaired', 'verify.snapshot.applied', 'verify.snapshot.repaired'],
  /** `crash-made`. */
  imported: ['import.received', 'import.recorded'],
  committed: ['commit.compared', 'diff.compare.committed', 'commit.recorded'],
  /** `policy`. */
  signature: ['rules.signature.written', 'rules.signature.kept'],
  /** `crash-push`. */
  push: [
    'push.uploaded',
    'push.manifest',
    'push.completed',
    'transfer.blobs',
    'transfer.manifests',
    'transfer.completed',
    'operation.ended',
  ],
  tag: ['operation.begun', 'names.changed', 'operation.ended'],
  /** `crash-archives`. */
  load: ['load.others', 'load.loaded'],
  save: ['save.saved'],
  archive: ['archive.pushed', 'archive.named'],
  /** `rebuild`. */
  rebuild: ['rebuild.hashed', 'rebuild.recorded'],
  /** `volumes-crash`. */
  volume: ['volume.fill.begun', 'volume.fill.copied', 'volume.fill.ready', 'volume.fill.moved', 'volume.fill.done'],
  /** `crash-migration`. */
  migration: ['tables.migrated'],
} as const;

/** Those that a plugin's own test kills at, by name. */
export const stepsKilledByPlugins = {
  'packages/engine/test/events/events.test.ts': ['events.rotated'],
  'plugins/differ-tar/test/laws.test.ts': ['diff.compare.opened', 'diff.compare.written', 'diff.compare.committed'],
  'plugins/snapshot-kata/test/ext4-laws.test.ts': ['kata.layer.written'],
  'plugins/snapshot-kata/test/killed-maker.ts': ['kata.template.made'],
  'packages/guest/test/guest-image.test.ts': ['guest.image.durable', 'guest.image.named'],
  'plugins/metadata-lmdb/test/migration.test.ts': [
    'metadata.migration.copied',
    'metadata.migration.written',
    'metadata.migration.durable',
  ],
  'plugins/network-cni/test/laws.test.ts': [
    'network.create.written',
    'network.attach.noted',
    'network.attach.begins',
    'network.attach.added',
    'network.attach.named',
    'network.attach.restricted',
    'network.attach.moved',
    'network.attach.published',
    'network.attach.done',
    'network.detach.deleted',
    'network.detach.released',
    'network.detach.forgotten',
    'network.remove.dismantled',
    'network.remove.removed',
    'network.cleanup.done',
    'network.firewall.bridge',
    'network.firewall.prepared',
    'network.names.written',
    'network.names.started',
    'network.names.served',
    'network.names.ended',
    'network.names.own',
    'network.names.own-ended',
    'network.egress.ruled',
    'network.egress.resolver',
    'network.egress.restricted',
    'network.egress.forgotten',
    'network.egress.resolver-ended',
  ],
  'plugins/network-cni/test/laws-nftables.test.ts': [
    'network.firewall.bridge',
    'network.firewall.prepared',
    'network.firewall.published',
    'network.attach.published',
  ],
  'plugins/resolver-registry/test/login.test.ts': ['login.written', 'login.stored'],
  'plugins/snapshot-overlay/test/laws.test.ts': ['snapshot.cleanup.deleted'],
  'plugins/volume-local/test/laws.test.ts': [
    'volume.create.filled',
    'volume.create.named',
    'volume.mount.noted',
    'volume.unmount.noted',
    'volume.remove.discarded',
    'volume.remove.deleted',
  ],
} as const;
