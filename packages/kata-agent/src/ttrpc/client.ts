import { connect, type Socket } from 'node:net';
import { canceled, type SlipwayError, throwIfAborted } from '@slipway/plugin-api';
import type { Method } from '../messages/services.js';
import { TtrpcRequest, TtrpcResponse } from '../messages/ttrpc.js';
import { decodeMessage } from '../wire/decode.js';
import { encodeMessage } from '../wire/encode.js';
import type { Fields, Init, Values } from '../wire/fields.js';
import { encodeFrame, FrameReader, frameTypes, maxFrameBytes } from './frames.js';
import { broken, refused, unavailable } from './status.js';

export interface CallOptions {
  /** Milliseconds for the answer; the agent is told, too. 0: for ever. Default 30 seconds. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface Pending {
  readonly resolve: (payload: Uint8Array) => void;
  readonly reject: (error: SlipwayError) => void;
  readonly method: string;
}

const defaultTimeoutMs = 30_000;
/** Our agent's longest has 64 KiB of output and a header. */
const maxAnswerBytes = 128 * 1024;
/** Streams that nobody waits for, whose answers may still come. A peer that never answers must not make this grow. */
const maxAbandoned = 1024;

/**
 * A connection to an agent: calls of any number at the same time, each with its own limit. The agent is a guest's, and may be hostile: what is longer than a frame may
 * be, or answers nobody, ends the connection.
 */
export class AgentClient implements Disposable {
  readonly #socket: Socket;
  readonly #frames = new FrameReader(maxAnswerBytes);
  readonly #pending = new Map<number, Pending>();
  readonly #abandoned = new Set<number>();
  #nextStream = 1;
  #end: SlipwayError | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', (error) => this.#fail(unavailable(`connection broke: ${error.message}`, error)));
    socket.on('close', () => this.#fail(unavailable('connection ended')));
    // Whoever had it before may have stopped it.
    socket.resume();
  }

  /** Errors: `unavailable` when nobody listens there, `canceled`. */
  static async connect(path: string, signal?: AbortSignal): Promise<AgentClient> {
    throwIfAborted('the connection to the agent of the virtual machine', signal);
    const socket = connect({ path });
    const stop = (): void => void socket.destroy(canceled('the connection to the agent of the virtual machine', signal));
    signal?.addEventListener('abort', stop, { once: true });
    try {
      await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    } catch (error) {
      throwIfAborted('the connection to the agent of the virtual machine', signal);
      throw unavailable(`no connection to "${path}": ${error instanceof Error ? error.message : String(error)}`, error);
    } finally {
      signal?.removeEventListener('abort', stop);
    }
    socket.removeAllListeners('error');
    return new AgentClient(socket);
  }

  /** Speaks over a connection that is there already. */
  static over(socket: Socket): AgentClient {
    return new AgentClient(socket);
  }

  /** Errors: what the agent says (`AGENT_REFUSED`), `unavailable` when it is gone or takes too long, `canceled`. */
  async call<I extends Fields, O extends Fields>(
    method: Method<I, O>,
    request: Init<I>,
    { timeoutMs = defaultTimeoutMs, signal }: CallOptions = {},
  ): Promise<Values<O>> {
    const answer = await this.#request(method.service, method.name, encodeMessage(method.request, request), timeoutMs, signal);
    try {
      return decodeMessage(method.response, answer);
    } catch (error) {
      throw broken(`the answer to ${method.name} cannot be read`, error);
    }
  }

  [Symbol.dispose](): void {
    this.#fail(unavailable('connection was closed'));
  }

  async #request(
    service: string,
    method: string,
    payload: Uint8Array,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<Uint8Array> {
    throwIfAborted(`${method} of the agent of the virtual machine`, signal);
    if (this.#end !== undefined) throw this.#end;
    const bytes = encodeMessage(TtrpcRequest, { service, method, payload, timeoutNano: BigInt(timeoutMs) * 1_000_000n });
    if (bytes.length > maxFrameBytes)
      throw refused(method, 8, `a request of ${bytes.length} bytes is too long, at most ${maxFrameBytes} are possible`);
    const stream = this.#nextStream;
    this.#nextStream += 2;
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    this.#pending.set(stream, { resolve, reject, method });
    const give = (error: SlipwayError): void => {
      this.#pending.delete(stream);
      this.#abandon(stream);
      reject(error);
    };
    const timer =
      timeoutMs === 0 ? undefined : setTimeout(() => give(unavailable(`${method}: no answer within ${timeoutMs} ms`)), timeoutMs);
    const stop = (): void => give(canceled(`${method} of the agent of the virtual machine`, signal));
    signal?.addEventListener('abort', stop, { once: true });
    this.#socket.write(encodeFrame({ stream, type: frameTypes.request, payload: bytes }));
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
    }
  }

  #abandon(stream: number): void {
    this.#abandoned.add(stream);
    if (this.#abandoned.size > maxAbandoned) this.#fail(unavailable(`${maxAbandoned} requests are without an answer`));
  }

  #take(chunk: Buffer): void {
    try {
      for (const { stream, type, payload } of this.#frames.read(chunk)) {
        // What the agent says when it has opened its port, of itself.
        if (stream === 0 && type === frameTypes.response && payload.length === 0) continue;
        if (type !== frameTypes.response) throw new Error(`a frame of type ${type}`);
        this.#answer(stream, payload);
      }
    } catch (error) {
      this.#fail(broken(error instanceof Error ? error.message : String(error), error));
    }
  }

  #answer(stream: number, payload: Uint8Array): void {
    if (this.#abandoned.delete(stream)) return;
    const pending = this.#pending.get(stream);
    if (pending === undefined) throw new Error(`an answer on stream ${stream}, on which nothing was asked`);
    // What cannot be read fails all that is asked, this among it.
    const { status, payload: answer } = decodeMessage(TtrpcResponse, payload);
    this.#pending.delete(stream);
    if (status !== undefined && status.code !== 0) pending.reject(refused(pending.method, status.code, status.message));
    else pending.resolve(answer);
  }

  #fail(error: SlipwayError): void {
    if (this.#end !== undefined) return;
    this.#end = error;
    this.#socket.destroy();
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}
