import type { Readable, Writable } from 'node:stream';
import type {
  AttachOptions,
  Container,
  ContainerDetails,
  ContainerProcess,
  ContainerStreams,
  ContainerUpdate,
  CopyFromOptions,
  CopyToOptions,
  Exec,
  ExecOptions,
  ExitStatus,
  ForwardOptions,
  LogEntry,
  LogsOptions,
  PathStat,
  PortForward,
  PublishedPort,
  RemoveContainerOptions,
  RuntimeStats,
  StartOptions,
  StopOptions,
  TerminalSize,
  WaitForOptions,
  WaitOptions,
} from '@slipway/plugin-api';
import { wrapError } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import type { Works } from '../works.js';
import { flatten } from './logs/flatten.js';
import { withName } from './with-name.js';

/** A {@link Container} by its id. Every method imports what it needs when it is called. */
export class ContainerHandle implements Container {
  readonly #parts: EngineParts;
  readonly #works: Works;

  constructor(
    parts: EngineParts,
    works: Works,
    readonly id: string,
    readonly name: string,
    readonly image: string,
  ) {
    this.#parts = parts;
    this.#works = works;
  }

  inspect(): Promise<ContainerDetails> {
    return this.#carryOut('inspect', async () => (await import('./inspect.js')).inspectContainer(this.#parts, this.id));
  }

  start(options: StartOptions = {}): Promise<void> {
    return this.#carryOut('start', async () =>
      (await import('./start.js')).startContainer(this.#parts, this.id, this.#orClosing(options)),
    );
  }

  stop(options: StopOptions = {}): Promise<void> {
    return this.#carryOut('stop', async () =>
      (await import('./stop.js')).stopContainer(this.#parts, this.id, this.#orClosing(options)),
    );
  }

  kill(signal: string | number = 'SIGKILL'): Promise<void> {
    return this.#carryOut('kill', async () => (await import('./kill.js')).killContainer(this.#parts, this.id, signal));
  }

  restart(options: StopOptions = {}): Promise<void> {
    return this.#carryOut('restart', async () =>
      (await import('./restart.js')).restartContainer(this.#parts, this.id, this.#orClosing(options)),
    );
  }

  pause(): Promise<void> {
    return this.#carryOut('pause', async () => (await import('./pause.js')).pauseContainer(this.#parts, this.id));
  }

  unpause(): Promise<void> {
    return this.#carryOut('unpause', async () => (await import('./pause.js')).unpauseContainer(this.#parts, this.id));
  }

  wait(options: WaitForOptions = {}): Promise<ExitStatus> {
    return this.#carryOut('wait for', async () =>
      (await import('./wait.js')).waitForContainer(this.#parts, this.id, this.#orClosing(options)),
    );
  }

  exec(options: ExecOptions): Promise<Exec> {
    return this.#carryOut('exec in', async () =>
      (await import('./exec.js')).execInContainer(this.#parts, this.id, this.#orClosing(options)),
    );
  }

  attach(options: AttachOptions = {}): Promise<ContainerStreams> {
    return this.#carryOut('attach to', async () =>
      (await import('./attach.js')).attachToContainer(this.#parts, this.id, this.#orClosing(options)),
    );
  }

  logs(options: LogsOptions = {}): AsyncIterable<LogEntry> {
    return flatten(this.#logBatches(options));
  }

  resize(size: TerminalSize): Promise<void> {
    return this.#carryOut('resize', async () => (await import('./attach.js')).resizeContainer(this.#parts, this.id, size));
  }

  top(): Promise<readonly ContainerProcess[]> {
    return this.#carryOut('top of', async () => (await import('./top.js')).containerProcesses(this.#parts, this.id));
  }

  stats(): Promise<RuntimeStats> {
    return this.#carryOut('stats of', async () => (await import('./stats.js')).containerStats(this.#parts, this.id));
  }

  update(changes: ContainerUpdate): Promise<void> {
    return this.#carryOut('update', async () => (await import('./update.js')).updateContainer(this.#parts, this.id, changes));
  }

  rename(name: string): Promise<void> {
    return this.#carryOut('rename', async () => (await import('./rename.js')).renameContainer(this.#parts, this.id, name));
  }

  copyFrom(path: string, output: Writable, options: CopyFromOptions = {}): Promise<PathStat> {
    return this.#carryOut('copy from', async () =>
      (await import('./copy-from.js')).copyFromContainer(this.#parts, this.id, path, output, this.#orClosing(options)),
    );
  }

  copyTo(path: string, input: Readable, options: CopyToOptions = {}): Promise<void> {
    return this.#carryOut('copy to', async () =>
      (await import('./copy-to.js')).copyToContainer(this.#parts, this.id, path, input, this.#orClosing(options)),
    );
  }

  statPath(path: string): Promise<PathStat | undefined> {
    return this.#carryOut('stat in', async () => (await import('./copy-from.js')).statInContainer(this.#parts, this.id, path));
  }

  ports(): Promise<readonly PublishedPort[]> {
    return this.#carryOut('ports of', async () =>
      (await import('../networks/published.js')).containerPorts(this.#parts, this.id),
    );
  }

  port(containerPort: number, protocol: PublishedPort['protocol'] = 'tcp'): Promise<PublishedPort> {
    return this.#carryOut('port of', async () =>
      (await import('../networks/published.js')).containerPort(this.#parts, this.id, containerPort, protocol),
    );
  }

  forward(containerPort: number, options: ForwardOptions = {}): Promise<PortForward> {
    return this.#carryOut('forward to', async () =>
      (await import('../networks/forward.js')).forwardToContainer(this.#parts, this.id, containerPort, this.#orClosing(options)),
    );
  }

  remove(options: RemoveContainerOptions = {}): Promise<void> {
    return this.#carryOut('remove', async () =>
      (await import('./remove.js')).removeContainer(this.#parts, this.id, this.#orClosing(options)),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async *#logBatches(options: LogsOptions): AsyncGenerator<readonly LogEntry[]> {
    const { containerLogs } = await this.#carryOut('logs of', () => import('./logs.js'));
    try {
      yield* containerLogs(this.#parts, this.id, this.#orClosing(options));
    } catch (error) {
      throw wrapError(`logs of container ${JSON.stringify(this.name)}`, error);
    }
  }

  #carryOut<T>(what: string, work: () => Promise<T>): Promise<T> {
    return this.#works.carryOut(`${what} container ${JSON.stringify(this.name)}`, () => withName(this, work));
  }

  #orClosing<O extends WaitOptions>(options: O): O & { readonly signal: AbortSignal } {
    return { ...options, signal: this.#works.orClosing(options?.signal) };
  }
}
