import type { LogEntry, LogsOptions } from '@slipway/plugin-api';
import { writeBytesTo } from '../binary-output.js';
import type { Action, OptionValues } from '../command.js';
import { withEngine } from '../host.js';
import { untilInterrupted } from '../interruption.js';
import { parseMoment } from '../moment.js';
import { printableJson } from '../printable.js';
import { usageError } from '../usage-error.js';

export const logs: Action = async (invocation) => {
  const { args, options, global } = invocation;
  const [name = ''] = args;
  const wanted = logsOptionsOf(options);
  const form = global.json ? jsonLine : options.flag('timestamps') ? withTime : asWritten;
  return await withEngine(invocation, async (engine) => {
    const container = await engine.containers.get(name);
    const follow = async (signal: AbortSignal): Promise<void> => {
      const lines = new Lines(global.json);
      for await (const entry of container.logs({ ...wanted, signal })) await lines.add(entry.stream, form(entry));
      await lines.flush();
    };
    return await untilInterrupted('logs', follow);
  });
};

function logsOptionsOf(options: OptionValues): LogsOptions {
  const moment = (name: string): Date | undefined => {
    const text = options.text(name);
    return text === undefined ? undefined : parseMoment('logs', `--${name}`, text);
  };
  return { follow: options.flag('follow'), since: moment('since'), until: moment('until'), tail: tailOf(options.text('tail')) };
}

function tailOf(text: string | undefined): number | undefined {
  if (text === undefined || text === 'all') return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw usageError('logs', `--tail ${JSON.stringify(text)} is no number of lines`, 'as in --tail 100, or all');
}

type Form = (entry: LogEntry) => Buffer;

const asWritten: Form = ({ bytes }) => bytes;
const withTime: Form = ({ time, bytes }) => Buffer.concat([Buffer.from(`${time} `), bytes]);
/** `partial`: the line goes on in the next one of its stream. */
const jsonLine: Form = ({ time, stream, line, bytes }) =>
  Buffer.from(`${printableJson({ time, stream, line, ...(bytes.at(-1) === 0x0a ? {} : { partial: true }) })}\n`);

const mostHeldBytes = 1 << 18;

/** Writes many lines at once, in their order over both outputs; what came is written before more is waited for. */
class Lines {
  readonly #isOneStream: boolean;
  #held: Buffer[] = [];
  #bytes = 0;
  #fd = 1;
  #soon: NodeJS.Immediate | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(isOneStream: boolean) {
    this.#isOneStream = isOneStream;
  }

  async add(stream: LogEntry['stream'], bytes: Buffer): Promise<void> {
    const fd = stream === 'stderr' && !this.#isOneStream ? 2 : 1;
    if (fd !== this.#fd) this.#write();
    this.#fd = fd;
    this.#held.push(bytes);
    this.#bytes += bytes.length;
    this.#soon ??= setImmediate(() => this.#write());
    if (this.#bytes >= mostHeldBytes) await this.flush();
  }

  async flush(): Promise<void> {
    this.#write();
    await this.#writing;
  }

  #write(): void {
    clearImmediate(this.#soon);
    this.#soon = undefined;
    if (this.#held.length === 0) return;
    const [bytes, fd] = [Buffer.concat(this.#held), this.#fd];
    this.#held = [];
    this.#bytes = 0;
    this.#writing = this.#writing.then(() => writeBytesTo(fd, bytes));
    // Told by the next flush.
    this.#writing.catch(() => undefined);
  }
}
