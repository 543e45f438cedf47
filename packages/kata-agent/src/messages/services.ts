import type { Fields } from '../wire/fields.js';
import * as agent from './agent.js';
import { StatsContainerRequest, StatsContainerResponse } from './stats.js';
import { Interface } from './types.js';

/** Something to ask for, and what is answered. */
export interface Method<I extends Fields = Fields, O extends Fields = Fields> {
  readonly service: string;
  readonly name: string;
  readonly request: I;
  readonly response: O;
}

function methodOf<I extends Fields, O extends Fields>(service: string, name: string, request: I, response: O): Method<I, O> {
  return { service, name, request, response };
}

const of = <I extends Fields, O extends Fields>(name: string, request: I, response: O): Method<I, O> =>
  methodOf('grpc.AgentService', name, request, response);
const { Empty } = agent;

export const Health = {
  method: {
    check: methodOf('grpc.Health', 'Check', agent.CheckRequest, agent.HealthCheckResponse),
    version: methodOf('grpc.Health', 'Version', agent.CheckRequest, agent.VersionCheckResponse),
  },
} as const;

/** What is used of it. */
export const AgentService = {
  method: {
    createSandbox: of('CreateSandbox', agent.CreateSandboxRequest, Empty),
    destroySandbox: of('DestroySandbox', agent.DestroySandboxRequest, Empty),
    getGuestDetails: of('GetGuestDetails', agent.GuestDetailsRequest, agent.GuestDetailsResponse),
    setGuestDateTime: of('SetGuestDateTime', agent.SetGuestDateTimeRequest, Empty),
    reseedRandomDev: of('ReseedRandomDev', agent.ReseedRandomDevRequest, Empty),
    copyFile: of('CopyFile', agent.CopyFileRequest, Empty),
    updateInterface: of('UpdateInterface', agent.UpdateInterfaceRequest, Interface),
    updateRoutes: of('UpdateRoutes', agent.UpdateRoutesRequest, agent.Routes),
    createContainer: of('CreateContainer', agent.CreateContainerRequest, Empty),
    startContainer: of('StartContainer', agent.StartContainerRequest, Empty),
    removeContainer: of('RemoveContainer', agent.RemoveContainerRequest, Empty),
    updateContainer: of('UpdateContainer', agent.UpdateContainerRequest, Empty),
    statsContainer: of('StatsContainer', StatsContainerRequest, StatsContainerResponse),
    pauseContainer: of('PauseContainer', agent.PauseContainerRequest, Empty),
    resumeContainer: of('ResumeContainer', agent.ResumeContainerRequest, Empty),
    execProcess: of('ExecProcess', agent.ExecProcessRequest, Empty),
    signalProcess: of('SignalProcess', agent.SignalProcessRequest, Empty),
    waitProcess: of('WaitProcess', agent.WaitProcessRequest, agent.WaitProcessResponse),
    writeStdin: of('WriteStdin', agent.WriteStreamRequest, agent.WriteStreamResponse),
    readStdout: of('ReadStdout', agent.ReadStreamRequest, agent.ReadStreamResponse),
    readStderr: of('ReadStderr', agent.ReadStreamRequest, agent.ReadStreamResponse),
    closeStdin: of('CloseStdin', agent.CloseStdinRequest, Empty),
    ttyWinResize: of('TtyWinResize', agent.TtyWinResizeRequest, Empty),
    getOOMEvent: of('GetOOMEvent', agent.GetOOMEventRequest, agent.OOMEvent),
  },
} as const;
