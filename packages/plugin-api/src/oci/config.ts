import type { Digest } from './descriptor.js';

/** OCI image-spec, config.md. Everything in it comes from whoever made the image. */
export interface ImageConfig {
  readonly created?: string;
  readonly author?: string;
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly config?: ContainerDefaults;
  readonly rootfs: { readonly type: 'layers'; readonly diff_ids: readonly Digest[] };
  readonly history?: readonly HistoryEntry[];
}

/** How a container of the image runs unless told otherwise. */
export interface ContainerDefaults {
  readonly User?: string;
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[] | null;
  readonly Cmd?: readonly string[] | null;
  readonly WorkingDir?: string;
  readonly Volumes?: Readonly<Record<string, unknown>> | null;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly ExposedPorts?: Readonly<Record<string, unknown>> | null;
  readonly StopSignal?: string;
  /** Not of the spec: Docker's. */
  readonly Healthcheck?: ImageHealthcheck | null;
  /** Not of the spec: Docker's. What a command that is one text is given to; default `/bin/sh -c`. */
  readonly Shell?: readonly string[] | null;
}

/** As Docker writes it. Times in nanoseconds; 0, as absent, leaves it to the engine. */
export interface ImageHealthcheck {
  /** `[]`: as the base image has it; `['NONE']`; `['CMD', ...argv]`; `['CMD-SHELL', text]`. */
  readonly Test?: readonly string[] | null;
  readonly Interval?: number;
  readonly Timeout?: number;
  readonly StartPeriod?: number;
  readonly StartInterval?: number;
  readonly Retries?: number;
}

export interface HistoryEntry {
  readonly created?: string;
  readonly created_by?: string;
  readonly author?: string;
  readonly comment?: string;
  readonly empty_layer?: boolean;
}
