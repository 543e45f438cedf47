import { constants } from 'node:os';
import type { ContainerSettings, ImageConfig } from '@slipway/plugin-api';
import { imageDefaults } from './image-defaults.js';
import { invalid, quote } from './invalid.js';

const lastSignal = 64;
/** glibc keeps 32 and 33 for its threads; Docker counts from 34 for every image, whatever its C library. */
const rtmin = 34;

const numbers: ReadonlyMap<string, number> = new Map(
  Object.entries(constants.signals).map(([name, number]) => [name.slice('SIG'.length), number]),
);

/**
 * A signal's number from `SIGTERM`, `term`, `15`, 15, `RTMIN+3` or `SIGRTMAX-1`. Errors: `SIGNAL_INVALID`; 0 sends nothing and is none.
 */
export function parseSignal(signal: string | number): number {
  const name = String(signal).toUpperCase().replace(/^SIG/, '');
  const number = /^\d{1,3}$/.test(String(signal)) ? Number(signal) : (numbers.get(name) ?? realTimeSignal(name));
  if (number === undefined || number < 1 || number > lastSignal) {
    throw invalid(
      'SIGNAL_INVALID',
      `Signal ${quote(String(signal))} is neither a number from 1 to ${lastSignal} nor the name of a signal`,
      {
        hint: 'give a name as in SIGTERM or RTMIN+3, or a number as in 15',
      },
    );
  }
  return number;
}

function realTimeSignal(name: string): number | undefined {
  const [, base, sign, digits = '0'] = /^RTM(IN|AX)(?:([+-])(\d{1,2}))?$/.exec(name) ?? [];
  if (base === undefined || sign === (base === 'IN' ? '-' : '+')) return undefined;
  const number = base === 'IN' ? rtmin + Number(digits) : lastSignal - Number(digits);
  return number >= rtmin ? number : undefined;
}

/** The number of the signal that asks the container to end. Errors: `SIGNAL_INVALID`, `IMAGE_CONFIG_INVALID`. */
export function stopSignalOf(image: ImageConfig, { stopSignal }: Pick<ContainerSettings, 'stopSignal'>): number {
  return parseSignal(stopSignal ?? (imageDefaults(image).stopSignal || 'SIGTERM'));
}
