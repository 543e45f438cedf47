import { stepChannel } from '@slipway/plugin-api';

/** Preload: kills the process at the step that SLIPWAY_KILL_AT names, as the power or the OOM killer would. */
stepChannel.subscribe((message) => {
  if ((message as { name: string }).name === process.env['SLIPWAY_KILL_AT']) process.kill(process.pid, 'SIGKILL');
});
