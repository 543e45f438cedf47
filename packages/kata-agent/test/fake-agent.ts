import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { decodeMessage, encodeFrame, encodeMessage, FrameReader, frameTypes } from '@slipway/kata-agent';
import { TtrpcRequest, TtrpcResponse } from '../dist/messages/ttrpc.js';

export interface Asked {
  readonly stream: number;
  readonly service: string;
  readonly method: string;
  readonly payload: Uint8Array;
  readonly timeoutNano: bigint;
}

/** The other end of a connection, over a real socket: it does with each request what a test says. */
export interface FakeAgent extends AsyncDisposable {
  readonly path: string;
  readonly asked: readonly Asked[];
  /** Bytes to everyone who is connected. */
  readonly send: (bytes: Buffer) => void;
  readonly hangUp: () => void;
}

export function answer(stream: number, payload: Uint8Array, status?: { code: number; message: string }): Buffer {
  return encodeFrame({ stream, type: frameTypes.response, payload: encodeMessage(TtrpcResponse, { status, payload }) });
}

export async function fakeAgent(take: (asked: Asked, send: (bytes: Buffer) => void) => void): Promise<FakeAgent> {
  const folder = mkdtempSync(path.join(tmpdir(), 'slipway-agent-'));
  const sockets = new Set<Socket>();
  const asked: Asked[] = [];
  const server = createServer((socket) => {
    sockets.add(socket);
    const frames = new FrameReader();
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      for (const frame of frames.read(chunk)) {
        const request = { stream: frame.stream, ...decodeMessage(TtrpcRequest, frame.payload) };
        asked.push(request);
        take(request, (bytes) => socket.write(bytes));
      }
    });
  }).listen(path.join(folder, 'agent.sock'));
  await once(server, 'listening');
  return {
    path: path.join(folder, 'agent.sock'),
    asked,
    send: (bytes) => {
      for (const socket of sockets) socket.write(bytes);
    },
    hangUp: () => {
      for (const socket of sockets) socket.destroy();
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
      rmSync(folder, { recursive: true });
    },
  };
}
