import type { CreateNetworkOptions, NetworkAttachment, NetworkFeatures, NetworkInfo } from '../network/index.js';
import type { NetworkChoice } from './settings.js';

/**
 * Networks that containers join, over the network plugin of the default stack.
 *
 * @stable
 * @since 0.1
 */
export interface Networks {
  features(): Promise<NetworkFeatures>;
  /** Errors: `already-exists`, `invalid-argument`, `failed-precondition` (a subnet overlaps). */
  create(name: string, options?: CreateNetworkOptions): Promise<NetworkDetails>;
  list(options?: ListNetworksOptions): Promise<readonly NetworkDetails[]>;
  /** Errors: `not-found`. */
  inspect(name: string): Promise<NetworkDetails>;
  /** Errors: `not-found`, `failed-precondition` (containers have it; with their names). */
  remove(name: string, options?: { readonly signal?: AbortSignal | undefined }): Promise<void>;
  /** From now on, and at each start; of a running container at once. Errors: `not-found`, `already-exists`, `failed-precondition` (it has the host's, or another container's). */
  connect(name: string, container: string, options?: ConnectNetworkOptions): Promise<void>;
  /** Errors: `not-found`; of one that it does not have: `failed-precondition`, without `force`. */
  disconnect(
    name: string,
    container: string,
    options?: { readonly force?: boolean | undefined; readonly signal?: AbortSignal | undefined },
  ): Promise<void>;
  /** Removes those that no container has, running or not, but the default one and the host's own. */
  prune(options?: PruneNetworksOptions): Promise<{ readonly networks: readonly string[] }>;
}

export interface ConnectNetworkOptions extends Omit<NetworkChoice, 'network'> {
  readonly signal?: AbortSignal | undefined;
}

export interface ListNetworksOptions {
  readonly filters?:
    | {
        readonly name?: readonly string[] | undefined;
        readonly driver?: readonly string[] | undefined;
        readonly label?: readonly string[] | undefined;
        /** No container has it. */
        readonly dangling?: boolean | undefined;
      }
    | undefined;
}

export interface PruneNetworksOptions {
  readonly labels?: readonly string[] | undefined;
  readonly dryRun?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface NetworkDetails extends Omit<NetworkInfo, 'attached'> {
  /** The one that `default` stands for. */
  readonly default: boolean;
  /** Those that have it, running or not; with addresses when they run. */
  readonly containers: readonly { readonly id: string; readonly name: string; readonly addresses: readonly string[] }[];
}

/** Of a container, in `inspect`. */
export interface ContainerNetwork extends NetworkAttachment {
  readonly aliases: readonly string[];
}
