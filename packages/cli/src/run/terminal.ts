import { linux } from '@slipway/linux';
import type { TerminalSize } from '@slipway/plugin-api';

/** For a terminal of ours that does not know its size, as behind a serial line. */
const usualSize: TerminalSize = { columns: 80, rows: 24 };

/** The size of our own terminal, looked for on stdout, stdin, stderr. */
export function terminalSize(): TerminalSize | undefined {
  for (const fd of [1, 0, 2]) {
    const size = sizeOf(fd);
    if (size !== undefined && size.columns > 0 && size.rows > 0) return size;
  }
  return undefined;
}

export function initialTerminalSize(): TerminalSize {
  return terminalSize() ?? usualSize;
}

function sizeOf(fd: number): TerminalSize | undefined {
  try {
    return linux.terminalSize(fd);
  } catch {
    // Closed, or of a kind that answers with another error than ENOTTY: no terminal either way.
    return undefined;
  }
}

export interface Resizable {
  resize(size: TerminalSize): Promise<void>;
}

/** Passes every change of our window on to the container, until disposed. `known`: what it has now; undefined when that is not known. */
export function followWindow(container: Resizable, known: TerminalSize | undefined): Disposable {
  let last = known;
  const follow = (): void => {
    const size = terminalSize();
    if (size === undefined || (size.columns === last?.columns && size.rows === last.rows)) return;
    last = size;
    // A container that has just exited has no window.
    container.resize(size).catch(() => {});
  };
  process.on('SIGWINCH', follow);
  // It may have changed while the container was made.
  follow();
  return { [Symbol.dispose]: () => void process.off('SIGWINCH', follow) };
}

/**
 * Our terminal in raw mode, until disposed or the process exits: what is typed is for the container's terminal to interpret.
 * Node's own raw mode still turns newlines of output into CR LF, which moves the cursor of full-screen programs.
 */
export function rawTerminal(fd: number): Disposable {
  const before = linux.makeTerminalRaw(fd);
  let raw = true;
  const restore = (): void => {
    if (!raw) return;
    raw = false;
    try {
      linux.setTerminalSettings(fd, before);
    } catch {
      // Hung up: there is no terminal left to restore.
    }
  };
  process.once('exit', restore);
  return {
    [Symbol.dispose]: () => {
      process.off('exit', restore);
      restore();
    },
  };
}
