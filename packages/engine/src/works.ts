/** How the faces of the engine do their work: cleaned up before, ended before the engine closes, with errors of our model. */
export interface Works {
  carryOut<T>(what: string, work: () => Promise<T>): Promise<T>;
  /** Aborts when the caller does, or when the engine is closed. */
  orClosing(signal: AbortSignal | undefined): AbortSignal;
}
