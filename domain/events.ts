/** What a line in a session's history may say. Open to growth for clients. */
export const eventTypes = [
  'session.state',
  'session.progress',
  'session.stop_requested',
  'session.cleanup_overdue',
  'session.abandon_requested',
  'session.pause_requested',
  'session.pause_failed',
  'session.resume_requested',
  'session.resume_refused',
  'session.resume_failed',
  'session.generation',
  'session.idle_warning',
  'session.degraded',
  'session.repaired',
  'session.shared',
  'session.unshared',
  'session.transferred',
  'connection.opened',
  'connection.closed',
  'connection.cut',
] as const
export type EventType = (typeof eventTypes)[number]
