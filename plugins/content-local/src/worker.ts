import { parentPort } from 'node:worker_threads';
import { HashedFile } from './hashed-file.js';
import type { Reply, Request } from './worker-messages.js';

/** The thread that hashes and writes for all writers of a store. Descriptors are the process's, so they come as numbers. */
const files = new Map<number, HashedFile>();

function answer(request: Request): string | undefined {
  if (request.op === 'open') {
    files.set(request.file, new HashedFile(request.fd, request.algorithm, request.size));
    return undefined;
  }
  const file = files.get(request.file);
  if (file === undefined) throw new Error(`file ${request.file} is not open`);
  switch (request.op) {
    case 'append':
      file.appendSync(new Uint8Array(request.buffer, 0, request.bytes));
      return undefined;
    case 'truncate':
      file.truncate();
      return undefined;
    case 'digest':
      return file.digest(request.algorithm);
    case 'close':
      files.delete(request.file);
      return undefined;
  }
}

parentPort?.on('message', (request: Request) => {
  // The buffer goes back with the answer, to be filled again.
  const buffer = request.op === 'append' ? request.buffer : undefined;
  let reply: Reply;
  try {
    reply = { call: request.call, buffer, digest: answer(request) };
  } catch (error) {
    // An Error loses its `code` on the way between threads.
    const { message, code } = error as NodeJS.ErrnoException;
    reply = { call: request.call, buffer, error: { message, code } };
  }
  parentPort?.postMessage(reply, buffer === undefined ? [] : [buffer]);
});
