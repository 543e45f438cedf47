import type { Image } from '@slipway/plugin-api';
import type { Invocation } from '../command.js';
import { printable, printableJson } from '../printable.js';

/** What is told of an image that was made. */
export function showMade({ global, output }: Invocation, image: Image): void {
  const name = printable(image.name);
  if (global.json) output.out(`${printableJson(image, 2)}\n`);
  else output.out(global.quiet ? `${name}\n` : `Digest: ${image.target.digest}\n${name}\n`);
}
