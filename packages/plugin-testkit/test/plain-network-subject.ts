import { join } from 'node:path';
import type { Network } from '@slipway/plugin-api';
import type { OpenSubject } from '@slipway/plugin-testkit';
import { type NetworkFault, PlainNetwork } from './plain-network.ts';

export const opener =
  (fault?: NetworkFault): OpenSubject<Network> =>
  async (root) => {
    const instance = new PlainNetwork(join(root, 'plain'), fault);
    return { instance, capabilities: {}, [Symbol.asyncDispose]: () => instance[Symbol.asyncDispose]() };
  };

export const openSubject = opener();
