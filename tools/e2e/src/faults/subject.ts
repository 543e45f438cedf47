import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { carryOut } from '../carry-out.ts';
import { descriptorsOfThread, idleThreads } from '../kept-threads.ts';
import type { CommandReport } from '../request.ts';
import { Board } from './board.ts';
import { armDataFile, readDataFile } from './data-file-board.ts';
import type { Site } from './fault.ts';
import type { SubjectReply, SubjectRequest } from './message.ts';

// A process that does one piece of work after another, each with a fault of its own: starting one for each would take
// longer than the work. It is started with `--import preload.ts`.
const board = Board.ofProcess();
/** Of the process that has `data-file.c` loaded. */
const dataFilePath = process.env['SLIPWAY_E2E_DATA_FILE_FAULTS'];
const tracePath = process.env['SLIPWAY_E2E_FAULTS_TRACE'] ?? '';

const ofThread = descriptorsOfThread();

process.on('message', (request: SubjectRequest) => {
  void answer(request).then((reply) => process.send?.(reply));
});

async function answer({ work, record, fault, dataFileFault }: SubjectRequest): Promise<SubjectReply> {
  const eachThread = await ofThread;
  if (record) {
    writeFileSync(tracePath, '');
    board.record();
  }
  if (fault !== undefined) board.arm(fault);
  if (dataFilePath !== undefined) armDataFile(dataFilePath, dataFileFault);
  const reports: CommandReport[] = [];
  for (const request of work) {
    const report = await carryOut(request);
    reports.push(report);
    if (report.outcome === 'failed') break;
  }
  const hit = board.clear();
  const dataFile = dataFilePath === undefined ? undefined : readDataFile(dataFilePath);
  if (dataFilePath !== undefined) armDataFile(dataFilePath, undefined);
  return {
    reports,
    sites: record ? recorded() : [],
    hit: (fault !== undefined && hit) || dataFile?.hit === true,
    dataFileCalls: dataFile?.calls ?? 0,
    descriptors: readdirSync('/proc/self/fd').length - idleThreads() * eachThread,
  };
}

/** Several threads may have passed one. */
function recorded(): Site[] {
  const lines = readFileSync(tracePath, 'utf8').split('\n').slice(0, -1);
  truncateSync(tracePath);
  const sites = lines.map((line) => JSON.parse(line) as Site);
  return [...new Map(sites.map((site) => [site.name, site])).values()];
}
