/**
 * Stands in for QEMU, its guest and the agent in it: what reality does not do on demand. Run as
 * `node shim-fake-qemu.ts AGENT QMP CONSOLE SCENARIO`, with the numbers of the descriptors and a {@link Scenario} as JSON.
 */
import { fstatSync, ftruncateSync, readdirSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { connect, Socket } from 'node:net';
import { type FakeProcess, type Found, field, fields, frame, type Scenario, text } from './shim-wire.ts';

const [agentFd, qmpFd, consoleFd] = process.argv.slice(2, 5).map(Number);
const scenario = JSON.parse(process.argv[5] ?? '{}') as Scenario;
const agent = new Socket({ fd: agentFd ?? -1 });
const qmp = new Socket({ fd: qmpFd ?? -1 });
const terminal = new Socket({ fd: consoleFd ?? -1 });
for (const socket of [agent, qmp, terminal]) socket.on('error', () => {});

function log(line: string): void {
  if (scenario.log !== undefined) writeSync(scenario.log, `${line}\n`);
}

function works(action: () => void): boolean {
  try {
    action();
    return true;
  } catch {
    return false;
  }
}

const isNumber = (name: string) => /^\d+$/.test(name);
const ownerOf = (pid: string) => statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid ?? process.getuid?.() ?? -1;

async function lookAround(socket: string, file: number): Promise<Found> {
  const places = ['/', '/usr', '/tmp', '/var/tmp', '/dev', '/dev/shm', '/run', '/proc', process.cwd()];
  const connected = await new Promise<boolean>((resolve) => {
    connect(socket, () => resolve(true)).on('error', () => resolve(false));
  });
  return {
    root: readdirSync('/').sort(),
    ownersOfProcesses: [...new Set(readdirSync('/proc').filter(isNumber).map(ownerOf))],
    written: places.filter((place) => works(() => writeFileSync(`${place}/slipway-left`, 'x'))),
    connected,
    grown: works(() => ftruncateSync(file, fstatSync(file).size + (1 << 20))),
  };
}

/** False when the step goes no further. */
function reach(name: string): boolean {
  const event = scenario.at?.[name];
  if (event?.send !== undefined) agent.write(Buffer.from(event.send, 'hex'));
  if (event?.exit !== undefined) process.exit(event.exit);
  if (event?.kill !== undefined) process.kill(process.pid, event.kill);
  if (event?.close === true) agent.destroy();
  return event?.hang !== true;
}

type Answer = (payload: Buffer, error?: string) => void;

class Running {
  private readonly out: [Buffer[], Buffer[]] = [[], []];
  private readonly ended: [boolean, boolean] = [false, false];
  private readonly readers: [Answer | undefined, Answer | undefined] = [undefined, undefined];
  private waiter: Answer | undefined;
  private status: Buffer | undefined;

  private readonly what: FakeProcess;

  constructor(what: FakeProcess) {
    this.what = what;
  }

  start(): void {
    for (const line of this.what.stdout ?? []) this.print(0, line);
    for (const line of this.what.stderr ?? []) this.print(1, line);
    for (let left = this.what.flood ?? 0; left > 0; left -= 32_768) this.out[0].push(Buffer.alloc(Math.min(left, 32_768), 'x'));
    if (this.what.cat !== true && this.what.untilSignal === undefined && this.what.printsSize !== true)
      this.end(this.what.code ?? 0, this.what.signal);
    this.serve();
  }

  print(stream: 0 | 1, line: string): void {
    this.out[stream].push(Buffer.from(line, 'latin1'));
    this.serve();
  }

  end(code: number, signal: number | undefined): void {
    if (this.status !== undefined) return;
    const parts = [field(1, code)];
    if (signal !== undefined) parts.push(field(100, signal));
    if (this.what.oom === true) parts.push(field(101, 1));
    this.status = Buffer.concat(parts);
    if (this.what.holdsOutput !== true) this.ended[0] = this.ended[1] = true;
    this.serve();
  }

  signal(number: number): void {
    if (this.what.untilSignal !== undefined && !this.what.untilSignal.includes(number) && number !== 9)
      this.print(0, `signal ${number}\n`);
    else this.end(128 + number, number);
  }

  input(bytes: Buffer, answer: Answer): void {
    if (this.what.deaf === true) {
      answer(Buffer.alloc(0), 'EPIPE');
      return;
    }
    const taken = bytes.subarray(0, this.what.sip ?? bytes.length);
    if (this.what.cat === true) this.out[0].push(taken);
    answer(field(1, taken.length));
    this.serve();
  }

  closeInput(): void {
    if (this.what.cat === true) this.end(this.what.code ?? 0, undefined);
  }

  resize(rows: number, columns: number): void {
    this.print(0, `size ${rows} ${columns}\n`);
    if (this.what.printsSize === true) this.end(0, undefined);
  }

  read(stream: 0 | 1, answer: Answer): void {
    this.readers[stream] = answer;
    this.serve();
  }

  wait(answer: Answer): void {
    this.waiter = answer;
    this.serve();
  }

  private serve(): void {
    for (const stream of [0, 1] as const) {
      const reader = this.readers[stream];
      const first = this.out[stream].shift();
      if (reader === undefined || (first === undefined && !this.ended[stream])) {
        if (first !== undefined) this.out[stream].unshift(first);
        continue;
      }
      this.readers[stream] = undefined;
      reader(first === undefined ? Buffer.alloc(0) : field(1, first));
    }
    if (this.status !== undefined) this.waiter?.(this.status);
    if (this.status !== undefined) this.waiter = undefined;
  }
}

const processes = new Map<string, Running>();
const parse = (spec: string) => JSON.parse(spec === '' ? '{}' : spec) as FakeProcess;

type Request = ReadonlyMap<number, Buffer | bigint>;

function begin(id: string, request: Request): Running {
  const made = new Running(parse(text(request, 4)));
  processes.set(id, made);
  return made;
}

/** Of processes that are there. */
const methods: Record<string, (of: Running, request: Request, answer: Answer) => void> = {
  StartContainer: (of, _, answer) => {
    answer(Buffer.alloc(0));
    of.start();
  },
  ReadStdout: (of, _, answer) => of.read(0, answer),
  ReadStderr: (of, _, answer) => of.read(1, answer),
  WriteStdin: (of, request, answer) => of.input(Buffer.from(request.get(3) as Buffer), answer),
  CloseStdin: (of, _, answer) => {
    of.closeInput();
    answer(Buffer.alloc(0));
  },
  WaitProcess: (of, _, answer) => of.wait(answer),
  SignalProcess: (of, request, answer) => {
    of.signal(Number(request.get(3)));
    answer(Buffer.alloc(0));
  },
  TtyWinResize: (of, request, answer) => {
    of.resize(Number(request.get(3)), Number(request.get(4)));
    answer(Buffer.alloc(0));
  },
};

function serve(method: string, request: Request, answer: Answer): void {
  const id = text(request, 2) === '' ? text(request, 1) : text(request, 2);
  if (method === 'CreateContainer' || method === 'ExecProcess') {
    const made = begin(id, request);
    answer(Buffer.alloc(0));
    if (method === 'ExecProcess') made.start();
    return;
  }
  const handle = methods[method];
  const of = processes.get(id);
  if (handle === undefined) answer(Buffer.alloc(0));
  else if (of === undefined) answer(Buffer.alloc(0), 'no such process');
  else handle(of, request, answer);
}

function take(stream: number, payload: Buffer): void {
  const request = fields(payload);
  const method = text(request, 2);
  const inner = fields((request.get(3) as Buffer | undefined) ?? Buffer.alloc(0));
  const named = method === 'SetGuestDateTime' || method === 'ReseedRandomDev' ? '' : text(inner, 2);
  log(`${method} ${named} ${method === 'SignalProcess' ? String(inner.get(3)) : ''}`.trimEnd());
  const part = kept.get(method);
  if (part !== undefined) agent.write(part);
  if (!reach(method) || split(method, stream)) return;
  const answer: Answer = (message, error) => {
    const parts = [];
    if (error !== undefined) parts.push(field(1, Buffer.concat([field(1, 2), field(2, error)])));
    if (message.length > 0) parts.push(field(2, message));
    agent.write(frame(stream, 2, Buffer.concat(parts)));
  };
  const error = scenario.at?.[method]?.error;
  if (error !== undefined) answer(Buffer.alloc(0), error);
  else serve(method, inner, answer);
}

/** Parts of answers that are kept back, by the request that they come before. */
const kept = new Map<string, Buffer>();

function split(method: string, stream: number): boolean {
  const parts = scenario.at?.[method]?.split;
  if (parts === undefined) return false;
  const whole = frame(stream, 2, Buffer.from(parts.bytes, 'hex'));
  kept.set(parts.header, whole.subarray(0, 10)).set(parts.payload, whole.subarray(10));
  return true;
}

let received: Buffer = Buffer.alloc(0);
agent.on('data', (bytes: Buffer) => {
  received = Buffer.concat([received, bytes]);
  while (received.length >= 10 && received.length >= 10 + received.readUInt32BE()) {
    const length = received.readUInt32BE();
    const [stream, payload] = [received.readUInt32BE(4), received.subarray(10, 10 + length)];
    received = received.subarray(10 + length);
    take(stream, payload);
  }
});

let lines = '';
qmp.on('data', (bytes) => {
  lines += bytes.toString();
  for (let end = lines.indexOf('\n'); end >= 0; end = lines.indexOf('\n')) {
    const { execute } = JSON.parse(lines.slice(0, end)) as { execute: string };
    lines = lines.slice(end + 1);
    if (execute !== 'qmp_capabilities') log(`qmp ${execute}`);
    if (!reach(`qmp:${execute}`)) continue;
    const error = scenario.at?.[`qmp:${execute}`]?.error;
    const queue = (scenario.qmp?.[execute] ?? []) as unknown[];
    const said = queue.length > 1 ? queue.shift() : queue[0];
    qmp.write(`{"timestamp": {"seconds": 1}, "event": "RESUME"}\n`);
    qmp.write(
      `${JSON.stringify(error === undefined ? { return: said ?? {} } : { error: { class: 'GenericError', desc: error } })}\r\n`,
    );
  }
});

if (scenario.words !== undefined) writeFileSync(2, scenario.words);
if (scenario.console !== undefined) terminal.write(scenario.console);
const flood = () => void terminal.write(Buffer.alloc(65536, 'console without end\n'), flood);
if (scenario.consoleFlood === true) flood();
if (scenario.escapes !== undefined) log(JSON.stringify(await lookAround(scenario.escapes.socket, scenario.log ?? -1)));
if (reach('start')) {
  qmp.write(`${JSON.stringify({ QMP: { version: {}, capabilities: [] } })}\r\n`);
  if (reach('hello') && scenario.silent !== true) agent.write(Buffer.alloc(10, 0).fill(2, 8, 9));
}
