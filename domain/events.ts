/** What a line in a session's history may say. Open to growth for clients. */
export const eventTypes = [
  'session.state',
  'session.progress',
  'session.stop_requested',
  'session.cleanup_overdue',
  'session.abandon_requested',
  'connection.opened',
] as const
export type EventType = (typeof eventTypes)[number]
