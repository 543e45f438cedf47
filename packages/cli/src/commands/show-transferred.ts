import type { TransferProgress, TransferredImage } from '@slipway/plugin-api';
import type { Invocation } from '../command.js';
import { interruptible } from '../interruption.js';
import { printable, printableJson } from '../printable.js';
import { transferProgress } from '../progress/transfer-progress.js';
import { formatBytes } from '../units.js';

/** Runs a transfer with its progress on stderr, then prints what came of it: for docker's users the digest, for scripts the name. */
export async function showTransferred(
  { global, output }: Invocation,
  what: string,
  verb: 'Pushed' | 'Copied',
  work: (signal: AbortSignal, onProgress: (event: TransferProgress) => void) => Promise<TransferredImage>,
): Promise<number> {
  const image = await interruptible(what, async (signal) => {
    using progress = await transferProgress(global, output);
    return await work(signal, (event) => progress.show(event));
  });
  const name = printable(image.name);
  if (global.json) output.out(`${printableJson(image, 2)}\n`);
  else if (global.quiet) output.out(`${name}\n`);
  else {
    const sent =
      image.sent === 0 ? 'all of it was there' : `${image.sent} of ${image.total} sent, ${formatBytes(image.sentBytes)}`;
    output.out(`Digest: ${image.target.digest}\nStatus: ${verb} ${name} (${sent})\n${name}\n`);
  }
  return 0;
}
