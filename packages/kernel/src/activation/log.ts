import type { Logger } from '@slipway/plugin-api';

/** Every line of a plugin's log says whose it is. */
export function pluginLog(log: Logger, plugin: string): Logger {
  return {
    debug: (message, fields) => log.debug(message, { plugin, ...fields }),
    info: (message, fields) => log.info(message, { plugin, ...fields }),
    warn: (message, fields) => log.warn(message, { plugin, ...fields }),
    error: (message, fields) => log.error(message, { plugin, ...fields }),
  };
}

const nothing = (): void => undefined;
export const silentLog: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };
