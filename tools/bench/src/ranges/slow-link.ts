import { connect, createServer, type Server, type Socket } from 'node:net';

export interface Link {
  /** Milliseconds that a byte is on its way, in each direction. */
  readonly delayMs: number;
  /** Bytes a second that one connection may bring back; no limit when absent. */
  readonly bytesPerSecond?: number | undefined;
  /** Bytes of one connection that may be on their way unacknowledged, at most. */
  readonly windowBytes: number;
}

/** What Linux lets a connection receive unread at most, unless told otherwise (tcp_rmem). */
export const defaultWindow = 6 * 2 ** 20;
/** Ten segments (RFC 6928). */
const firstWindow = 14_600;
const pieceBytes = 64 * 1024;

/**
 * Stands on a free loopback port for a server that is far away. Kernels without netem, and its lack of a rate for each connection, are
 * why this is no queueing discipline: bytes wait here, and what a connection may have on its way begins small and doubles with each round
 * trip, as TCP's slow start has it. Nothing is lost and nothing else is on the link.
 */
export class SlowLink implements AsyncDisposable {
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  /** Connections made so far. */
  connections = 0;

  private readonly link: Link;
  private readonly port: number;

  private constructor(link: Link, port: number) {
    this.link = link;
    this.port = port;
    this.server = createServer({ allowHalfOpen: true }, (near) => this.carry(near));
  }

  static async to(port: number, link: Link): Promise<SlowLink> {
    const slow = new SlowLink(link, port);
    await new Promise<void>((resolve) => slow.server.listen(0, '127.0.0.1', resolve));
    return slow;
  }

  get address(): string {
    const address = this.server.address();
    if (address === null || typeof address === 'string') throw new Error('the link is closed');
    return `127.0.0.1:${address.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private carry(near: Socket): void {
    this.connections += 1;
    const far = connect({ host: '127.0.0.1', port: this.port, allowHalfOpen: true });
    for (const socket of [near, far]) {
      this.sockets.add(socket);
      socket.setNoDelay(true);
      socket.once('close', () => this.sockets.delete(socket));
    }
    near.on('error', () => far.destroy());
    near.once('close', () => far.destroy());
    // Not when it closes: what it sent last is still on the way.
    far.on('error', (error) => {
      // That of the end of reading it, which is none.
      if (error.name !== 'AbortError') near.destroy();
    });
    const { delayMs } = this.link;
    // The handshake of the real connection took no time; what is asked first waits for it.
    let handshake = performance.now() + 2 * delayMs;
    const forth = (send: () => void): void => {
      setTimeout(send, delayMs + Math.max(0, handshake - performance.now()));
      handshake = Math.max(handshake, performance.now());
    };
    near.on('data', (bytes) => forth(() => far.write(bytes)));
    near.once('end', () => forth(() => far.end()));
    this.bringBack(far, near).catch(() => near.destroy());
  }

  private async bringBack(far: Socket, near: Socket): Promise<void> {
    const { delayMs, bytesPerSecond = Number.POSITIVE_INFINITY, windowBytes } = this.link;
    let window = Math.min(firstWindow, windowBytes);
    let onTheWay = 0;
    let free = performance.now();
    let acknowledged = (): void => undefined;
    for await (const chunk of far as AsyncIterable<Buffer>) {
      for (let at = 0; at < chunk.length; ) {
        // A piece larger than the window would be ahead of its time.
        const piece = chunk.subarray(at, at + Math.min(pieceBytes, window));
        at += piece.length;
        while (onTheWay > 0 && onTheWay + piece.length > window)
          await new Promise<void>((resolve) => {
            acknowledged = resolve;
          });
        onTheWay += piece.length;
        free = Math.max(free, performance.now()) + (piece.length / bytesPerSecond) * 1000;
        const wait = free - performance.now();
        if (wait > 2) await new Promise((resolve) => setTimeout(resolve, wait));
        const arrive = (): void => {
          near.write(piece, () => {
            setTimeout(() => {
              onTheWay -= piece.length;
              window = Math.min(windowBytes, window + piece.length);
              acknowledged();
            }, delayMs);
          });
        };
        if (delayMs === 0) arrive();
        else setTimeout(arrive, delayMs);
      }
    }
    setTimeout(() => near.end(), delayMs + 1);
  }
}
