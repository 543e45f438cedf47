import { message, one } from '../wire/fields.js';

/* What is in the frames of ttrpc (github.com/containerd/ttrpc). */

export const TtrpcRequest = {
  service: one(1, 'string'),
  method: one(2, 'string'),
  /** The encoded message of the method. */
  payload: one(3, 'bytes'),
  /** How long the caller waits; 0: for ever. */
  timeoutNano: one(4, 'int64'),
} as const;

/** As google.rpc.Status, without its details. */
export const TtrpcStatus = {
  code: one(1, 'int32'),
  message: one(2, 'string'),
} as const;

export const TtrpcResponse = {
  /** Absent, or with code 0: it went well. */
  status: message(1, TtrpcStatus),
  payload: one(2, 'bytes'),
} as const;
