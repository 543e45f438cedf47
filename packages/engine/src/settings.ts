import type {
  ContentStore,
  Differ,
  LazyInstances,
  Logger,
  MetadataStore,
  Network,
  Policy,
  Resolver,
  Runtime,
  Snapshotter,
  Supervision,
  VolumeDriver,
} from '@slipway/plugin-api';

/** What the composition root tells the engine; comes from the checked config. */
export interface EngineSettings {
  /** Survives a reboot. */
  readonly root: string;
  /** Does not survive a reboot: operation records and bundles. */
  readonly state: string;
  readonly stacks: Readonly<Record<string, StackSettings>>;
  readonly defaultStack: string;
  readonly pull: PullSettings;
  /** What `default` stands for among networks; `none`. */
  readonly defaultNetwork: string;
  /** The command that cleans up after a container whose record is that file when it ends and nobody is there; absent, or undefined: the next call does. */
  readonly afterEnd?: (record: string) => Promise<Supervision['afterEnd']>;
}

export interface PullSettings {
  /** Where a pull says nothing else: the compressed layers of an image go as soon as they are unpacked. */
  readonly discardUnpackedLayers: boolean;
}

export interface StackSettings {
  readonly resolver: string;
  /** In order of preference: the first that this host can run. */
  readonly snapshotter: readonly string[];
  readonly runtime: string;
  /** Absent: the one whose manifest `writes` the snapshotter's layer target. */
  readonly differ?: string;
  /** Absent: its containers join no network. */
  readonly network?: string;
}

/** The plugins that the engine was given. */
export interface EngineNeeds {
  readonly metadata: MetadataStore;
  readonly content: ContentStore;
  readonly resolvers: LazyInstances<Resolver>;
  readonly snapshotters: LazyInstances<Snapshotter>;
  readonly differs: LazyInstances<Differ>;
  readonly runtimes: LazyInstances<Runtime>;
  readonly policies: LazyInstances<Policy>;
  readonly volumes: LazyInstances<VolumeDriver>;
  readonly networks: LazyInstances<Network>;
}

/** What every part of the engine works with. */
export interface EngineParts extends Omit<EngineNeeds, 'content'> {
  readonly settings: EngineSettings;
  readonly log: Logger;
  /** The plugin itself: files under digests. */
  readonly store: ContentStore;
  /** The store as the engine sees it: with labels, and a blob is there when its row is. */
  readonly content: ContentStore;
}
