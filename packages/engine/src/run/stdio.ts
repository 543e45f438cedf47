import type { Stdio, StdioTarget } from '@slipway/plugin-api';

/** `own`: the descriptor of this process that `inherit` means. */
export function stdioTarget(stdio: Stdio, own: number): StdioTarget {
  if (stdio === 'inherit') return own;
  return stdio === 'ignore' ? 'null' : 'pipe';
}
