import { usageError } from './usage-error.js';

const maxBytes = 64 * 1024;

/** All of stdin without its final line break, as `--password-stdin` means it. Errors: `invalid-argument`. */
export async function readSecret(signal: AbortSignal): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  const stop = (): void => void process.stdin.destroy(signal.reason as Error);
  signal.addEventListener('abort', stop, { once: true });
  try {
    for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes) throw usageError('login', `stdin has more than the ${maxBytes} bytes that a password may have`);
      chunks.push(chunk);
    }
  } finally {
    signal.removeEventListener('abort', stop);
  }
  const secret = Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '');
  if (secret === '') throw usageError('login', 'stdin is empty, expected the password');
  return secret;
}
