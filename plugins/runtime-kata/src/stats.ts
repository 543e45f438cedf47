import { closeSync, openSync } from 'node:fs';
import { AgentClient, AgentService, statsOf } from '@slipway/kata-agent';
import { O_PATH } from '@slipway/linux';
import type { RuntimeStats } from '@slipway/plugin-api';

/** What the container has used, as its guest says. Errors: `unavailable` where the agent does not answer. */
export async function guestStats(id: string, toolState: string): Promise<RuntimeStats> {
  using client = await connectAgent(toolState);
  const readAt = new Date().toISOString();
  return statsOf(await client.call(AgentService.method.statsContainer, { containerId: id }), readAt);
}

/** An address has room for 107 bytes of path, which the folders of long ids exceed. */
async function connectAgent(toolState: string): Promise<AgentClient> {
  const folder = openSync(toolState, O_PATH);
  try {
    return await AgentClient.connect(`/proc/self/fd/${folder}/agent.sock`);
  } finally {
    closeSync(folder);
  }
}
