import { type ExitStatus, SlipwayError } from '@slipway/plugin-api';
import type { GlobalOptions } from '../command.js';
import { errorReport } from '../error-report.js';
import type { Output } from '../output.js';
import { formatMemory } from '../units.js';

/** Told when it is disposed: by then our terminal is as it was. The exit code alone, 137, is that of every program that was killed. */
export class OutOfMemory implements Disposable {
  #failure: SlipwayError | undefined;

  constructor(
    readonly global: GlobalOptions,
    readonly output: Output,
  ) {}

  /** @param limit in bytes */
  note({ oomKilled, exitCode }: ExitStatus, container: { readonly name: string }, limit: number | undefined): void {
    if (oomKilled !== true || exitCode === 0) return;
    const where = limit === undefined ? '' : ` at its limit of ${formatMemory(limit)}`;
    this.#failure = new SlipwayError({
      kind: 'resource-exhausted',
      code: 'CONTAINER_OUT_OF_MEMORY',
      message: `container ${JSON.stringify(container.name)} ran out of memory: the kernel killed a process of it${where}`,
    });
  }

  [Symbol.dispose](): void {
    if (this.#failure !== undefined) this.output.err(errorReport(this.#failure, this.global));
  }
}
