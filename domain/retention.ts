/** For how many days what is kept; `null`: for ever. Sessions are kept at least as long as what hangs on them. */
export interface Retention {
  /** The history of a session but how it ended, from its end. */
  readonly eventDays: number | null
  /** What its user typed: name, parameters, mounts; and the operator's detail. From its end. */
  readonly parameterDays: number | null
  /** The session itself, from its end. Its usage stays. */
  readonly sessionDays: number | null
  /** A line of the audit, from when it was written. */
  readonly auditDays: number | null
}

export const defaultRetention: Retention = { eventDays: 90, parameterDays: 90, sessionDays: 365, auditDays: 365 }
