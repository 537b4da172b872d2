export const sessionStates = [
  'requested',
  'queued',
  'provisioning',
  'ready',
  'pausing',
  'paused',
  'resuming',
  'stopping',
  'stopped',
  'failed',
  'rejected',
] as const
export type SessionState = (typeof sessionStates)[number]

/** Which limit of `timings` bounds a state; `lifetime` is absolute, `never` raises an alarm instead of an end. */
export type StateLimit = 'decision' | 'queue' | 'start' | 'lifetime' | 'pause' | 'never'

export interface Phase {
  readonly next: readonly SessionState[]
  readonly limit?: StateLimit
}

/** What may follow each state, and which limit bounds it. Nothing else in Carrel knows. */
export const lifecycle = {
  requested: { next: ['queued', 'provisioning', 'rejected', 'stopping'], limit: 'decision' },
  queued: { next: ['provisioning', 'resuming', 'paused', 'stopping'], limit: 'queue' },
  provisioning: { next: ['ready', 'queued', 'stopping'], limit: 'start' },
  ready: { next: ['pausing', 'stopping'], limit: 'lifetime' },
  pausing: { next: ['paused', 'ready', 'stopping'], limit: 'pause' },
  paused: { next: ['resuming', 'queued', 'stopping'], limit: 'lifetime' },
  resuming: { next: ['ready', 'paused', 'queued', 'stopping'], limit: 'pause' },
  stopping: { next: ['stopped', 'failed'], limit: 'never' },
  stopped: { next: [] },
  failed: { next: [] },
  rejected: { next: [] },
} as const satisfies Record<SessionState, Phase>

export const endStates = sessionStates.filter((state) => lifecycle[state].next.length === 0)
export const liveStates = sessionStates.filter((state) => lifecycle[state].next.length > 0)
export const isEnd = (state: SessionState): boolean => lifecycle[state].next.length === 0
export const mayFollow = (from: SessionState, to: SessionState): boolean =>
  (lifecycle[from].next as readonly SessionState[]).includes(to)

/** Why a session ended: one closed list, and the end that each leads to. Open to growth for clients. */
export const reasons = {
  user: 'stopped',
  expired: 'stopped',
  idle: 'stopped',
  invitation_revoked: 'stopped',
  project_closed: 'stopped',
  access_withdrawn: 'stopped',
  account_disabled: 'stopped',
  admin: 'stopped',
  cancelled: 'stopped',
  quota: 'rejected',
  capacity_timeout: 'failed',
  image_missing: 'failed',
  start_failed: 'failed',
  backend_quota: 'failed',
  unschedulable: 'failed',
  template_unfit: 'failed',
  start_timeout: 'failed',
  exited: 'failed',
  out_of_memory: 'failed',
  preempted: 'failed',
  node_failed: 'failed',
  instance_lost: 'failed',
  abandoned: 'failed',
  internal: 'failed',
} as const satisfies Record<string, SessionState>
export type Reason = keyof typeof reasons
export type StopReason = { [R in Reason]: (typeof reasons)[R] extends 'stopped' ? R : never }[Reason]
export type FailReason = { [R in Reason]: (typeof reasons)[R] extends 'failed' ? R : never }[Reason]

/** The end that a reason leads to. */
export const endOf = (reason: Reason): 'stopped' | 'failed' | 'rejected' => reasons[reason]

export type WaitingFor = 'provider_busy' | 'provider_unavailable'

/** What a session's user reads when it ended. The operator's detail stands elsewhere. */
export const reasonSentences = {
  user: 'It was stopped on request.',
  expired: 'Its time was over.',
  idle: 'It was not used for longer than its template allows.',
  invitation_revoked: 'The invitation it stood on was withdrawn.',
  project_closed: 'Its project was closed.',
  access_withdrawn: 'Its owner may not use its data any more.',
  account_disabled: 'Its account was disabled.',
  admin: 'An operator stopped it.',
  cancelled: 'It was cancelled before it began.',
  quota: 'A quota does not allow it.',
  capacity_timeout: 'No place became free in time. Try again later.',
  image_missing: 'The image of its template does not exist. Ask the owner of the template.',
  start_failed: 'It could not be started. Ask an operator, who sees the details.',
  backend_quota: 'The provider has a limit of its own, which it reached. Choose a smaller size, or ask an operator.',
  unschedulable: 'No machine of the provider fits its size. Choose a smaller size, or ask the owner of the template.',
  template_unfit: 'Its template asks the provider for something that is not there. Ask the owner of the template.',
  start_timeout: 'It did not become ready in time. Try again, or ask an operator.',
  exited: 'What ran in it ended by itself.',
  out_of_memory: 'It used more memory than its size has. Choose a larger size.',
  preempted: 'The provider took its place back.',
  node_failed: 'The machine it ran on failed.',
  instance_lost: 'What it ran on disappeared.',
  abandoned: 'An operator gave it up.',
  internal: 'Something went wrong inside Carrel. Ask an operator.',
} as const satisfies Record<Reason, string>
