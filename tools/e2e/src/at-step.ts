import { subscribe } from 'node:diagnostics_channel';
import { appendFileSync } from 'node:fs';
import { planVariable, type StepPlan } from './request.ts';

// Loaded by `node --import` into every thread of a command: writes down the steps, or kills at one of them. SIGKILL to
// oneself is delivered before kill(2) returns, so nothing of the program runs after the step.
const plan = JSON.parse(process.env[planVariable] ?? '{}') as StepPlan;
let monitor = plan.monitor;
let count = 0;

subscribe('slipway:step', (message) => {
  const { name, details } = message as { name: string; details: Readonly<Record<string, unknown>> };
  if (name === 'runtime.monitor.started') monitor = Number(details['pid']);
  if (name === 'runtime.exec.begun') monitor = Number(details['monitorPid']);
  if (plan.trace !== undefined) appendFileSync(plan.trace, `${name}\n`);
  if (name !== plan.kill?.step || ++count !== plan.kill.nth) return;
  for (const whom of plan.kill.whom) {
    if (whom === 'command') process.kill(process.pid, 'SIGKILL');
    else if (monitor !== undefined) killIfThere(monitor);
  }
});

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
