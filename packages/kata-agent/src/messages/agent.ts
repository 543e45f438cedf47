import { many, message, messages, one } from '../wire/fields.js';
import { LinuxResources, Process, Spec } from './oci.js';
import { Interface, Route } from './types.js';

/* Requests and answers of the agent, with the numbers of Kata Containers' agent.proto and health.proto: the fields that are used. Fields from 100 on are our own. */

/** What Health/Check answers when it is well. */
export const serving = 1;

/** As google.protobuf.Empty. */
export const Empty = {} as const;

export const CheckRequest = {
  service: one(1, 'string'),
} as const;

export const HealthCheckResponse = {
  status: one(1, 'int32'),
} as const;

export const VersionCheckResponse = {
  grpcVersion: one(1, 'string'),
  agentVersion: one(2, 'string'),
} as const;

/** Something that is mounted in the guest before a container is made. */
export const Storage = {
  /** `blk`, `overlayfs`, `virtio-fs`. */
  driver: one(1, 'string'),
  driverOptions: many(2, 'string'),
  source: one(3, 'string'),
  fstype: one(4, 'string'),
  options: many(5, 'string'),
  mountPoint: one(6, 'string'),
} as const;

export const CreateSandboxRequest = {
  hostname: one(1, 'string'),
  storages: messages(3, Storage),
  sandboxId: one(5, 'string'),
} as const;

export const DestroySandboxRequest = {} as const;

export const GuestDetailsRequest = {} as const;

export const AgentDetails = {
  version: one(1, 'string'),
  initDaemon: one(2, 'bool'),
  deviceHandlers: many(3, 'string'),
  storageHandlers: many(4, 'string'),
  supportsSeccomp: one(5, 'bool'),
} as const;

export const GuestDetailsResponse = {
  agentDetails: message(2, AgentDetails),
} as const;

/** Since the epoch. */
export const SetGuestDateTimeRequest = {
  Sec: one(1, 'int64'),
  Usec: one(2, 'int64'),
} as const;

export const ReseedRandomDevRequest = {
  data: one(2, 'bytes'),
} as const;

export const CopyFileRequest = {
  /** Absolute, below /run. */
  path: one(1, 'string'),
  /** Of all of it: the file gets its name when it has so many bytes. */
  fileSize: one(2, 'int64'),
  fileMode: one(3, 'uint32'),
  /** Of folders that are made. */
  dirMode: one(4, 'uint32'),
  uid: one(5, 'int32'),
  gid: one(6, 'int32'),
  offset: one(7, 'int64'),
  data: one(8, 'bytes'),
} as const;

export const UpdateInterfaceRequest = {
  interface: message(1, Interface),
} as const;

export const Routes = {
  Routes: messages(1, Route),
} as const;

export const UpdateRoutesRequest = {
  routes: message(1, Routes),
} as const;

export const CreateContainerRequest = {
  containerId: one(1, 'string'),
  /** Of its first process. */
  execId: one(2, 'string'),
  storages: messages(5, Storage),
  OCI: message(6, Spec),
} as const;

export const StartContainerRequest = {
  containerId: one(1, 'string'),
} as const;

export const RemoveContainerRequest = {
  containerId: one(1, 'string'),
  /** Seconds; 0: as long as it takes. */
  timeout: one(2, 'uint32'),
} as const;

export const UpdateContainerRequest = {
  containerId: one(1, 'string'),
  resources: message(2, LinuxResources),
} as const;

export const PauseContainerRequest = {
  containerId: one(1, 'string'),
} as const;

export const ResumeContainerRequest = {
  containerId: one(1, 'string'),
} as const;

export const ExecProcessRequest = {
  containerId: one(1, 'string'),
  execId: one(2, 'string'),
  process: message(4, Process),
} as const;

export const SignalProcessRequest = {
  containerId: one(1, 'string'),
  /** Empty: every process of the container. */
  execId: one(2, 'string'),
  signal: one(3, 'uint32'),
} as const;

export const WaitProcessRequest = {
  containerId: one(1, 'string'),
  execId: one(2, 'string'),
} as const;

export const WaitProcessResponse = {
  status: one(1, 'int32'),
  /** That ended it; 0: it exited. */
  signal: one(100, 'uint32'),
  /** The kernel killed a process of the container for lack of memory. */
  oomKilled: one(101, 'bool'),
} as const;

export const WriteStreamRequest = {
  containerId: one(1, 'string'),
  execId: one(2, 'string'),
  data: one(3, 'bytes'),
} as const;

export const WriteStreamResponse = {
  len: one(1, 'uint32'),
} as const;

export const ReadStreamRequest = {
  containerId: one(1, 'string'),
  execId: one(2, 'string'),
  /** At most so many bytes. */
  len: one(3, 'uint32'),
} as const;

/** Empty: the end. */
export const ReadStreamResponse = {
  data: one(1, 'bytes'),
} as const;

export const CloseStdinRequest = {
  containerId: one(1, 'string'),
  execId: one(2, 'string'),
} as const;

export const TtyWinResizeRequest = {
  containerId: one(1, 'string'),
  execId: one(2, 'string'),
  row: one(3, 'uint32'),
  column: one(4, 'uint32'),
} as const;

export const GetOOMEventRequest = {} as const;

export const OOMEvent = {
  containerId: one(1, 'string'),
} as const;
