/** The ways through the workflows that must replay for ever, each recorded as one file per run: `<path>.<run>.json`. */
export const paths = [
  'stopped',
  'stopped-early',
  'rejected',
  'failed-start',
  'start-timeout',
  'provider-away',
  'queue-timeout',
  'exited',
  'expired',
  'cleanup-overdue',
  'cancelled',
  'teardown',
  'observer',
  'abandoned',
  'teardown-abandoned',
  'reconcile',
  'reconcile-withheld',
  'reconcile-unreachable',
  'expire',
  'expire-doors',
  'retention',
  'outside',
  'watch-doors',
  'paused',
  'resume-refused',
  'resume-waits',
  'remade',
  'check',
  'check-unserved',
  'invitation',
  'invitation-expired',
] as const
export type Path = (typeof paths)[number]

/** The recordings are sealed like everything; their key is no secret. */
export const recordingKey = { id: 'recording', secret: new Uint8Array(32).fill(7) }
