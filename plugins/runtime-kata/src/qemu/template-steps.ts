import type { MachineSettings, TemplateFiles } from '../machine-settings.js';
import type { PlanStep } from '../plan.js';
import { type QemuProgram, qemuSteps } from './command-line.js';
import { stubKernel } from './stub-kernel.js';

/** Above all that qemuSteps() gives away. */
const stateNumber = 250;
const stateName = 'state';

/** Both sides must have it: the memory is in a file, and not in the state. */
const withoutMemory = qmp('migrate-set-capabilities', { capabilities: [{ capability: 'x-ignore-shared', state: true }] });

/** A machine that stops when its agent has said hello, and whose devices are written to the state. QEMU may start no program: it has the file already. */
export function templateSteps(
  program: QemuProgram,
  settings: MachineSettings,
  { memory, state }: TemplateFiles,
  folder: string,
): readonly PlanStep[] {
  return [
    ...qemuSteps(program, settings, folder, {
      file: memory,
      shared: true,
      sealed: false,
      state: { file: state, number: stateNumber },
    }),
    ['hello'],
    qmp('stop'),
    withoutMemory,
    ['getfd', String(stateNumber), stateName],
    qmp('migrate', { uri: `fd:${stateName}` }),
    ['wait-migration'],
  ];
}

/** A machine whose memory is a private copy of the template's, page by page as it is written to. Its agent is past its hello. */
export function cloneSteps(
  program: QemuProgram,
  settings: MachineSettings,
  { memory, state, sealed = false }: TemplateFiles,
  folder: string,
): readonly PlanStep[] {
  const copy = { ...settings, kernel: stubKernel(settings.kernel, folder) };
  return [
    ...qemuSteps(program, copy, folder, { file: memory, shared: false, sealed, state: { file: state, number: stateNumber } }),
    withoutMemory,
    qmp('migrate-incoming', { uri: `fd:${stateNumber}` }),
    ['wait-migration'],
    qmp('cont'),
  ];
}

function qmp(execute: string, args?: object): PlanStep {
  return ['qmp', JSON.stringify({ execute, ...(args === undefined ? {} : { arguments: args }) })];
}
