import type { CloseReason } from '../../domain/doors.ts'
import type { CutReason } from '../live.ts'

/** How the connection of a desktop ended, in our words. Open to growth. */
export const desktopEnds = {
  /** The browser went, or the desktop said goodbye in order. */
  left: { close: 1000, status: 0, row: 'left' },
  desktop_closed: { close: 1000, status: 0, row: 'left' },
  /** The session's desktop does not answer, or broke off. */
  desktop_unreachable: { close: 1011, status: 519, row: 'left' },
  desktop_lost: { close: 1011, status: 515, row: 'left' },
  credentials_refused: { close: 1011, status: 769, row: 'left' },
  /** Somebody else took the desktop's only place, or it ended the session itself. */
  desktop_taken: { close: 1011, status: 521, row: 'replaced' },
  /** guacd: none answers, all are busy, it hung, it died, it said what it must not say. */
  guacd_unreachable: { close: 1013, status: 512, row: 'gateway_lost' },
  guacd_lost: { close: 1013, status: 512, row: 'gateway_lost' },
  guacd_hung: { close: 1013, status: 514, row: 'gateway_lost' },
  guacd_busy: { close: 1013, status: 797, row: 'gateway_lost' },
  guacd_fault: { close: 1011, status: 512, row: 'gateway_lost' },
  /** A view of what nobody has open. */
  nobody_to_watch: { close: 1013, status: 516, row: 'left' },
  /** It would be recorded, and there is no place for it, or its user has not been told. */
  recording_unacknowledged: { close: 1008, status: 771, row: 'left' },
  recording_unavailable: { close: 1011, status: 512, row: 'left' },
  /** The browser: silent, too slow for what all share, or it said what it must not say. */
  browser_silent: { close: 1008, status: 776, row: 'left' },
  browser_slow: { close: 1013, status: 776, row: 'left' },
  browser_fault: { close: 1002, status: 768, row: 'left' },
  /** Cut by Carrel. */
  withdrawn: { close: 1008, status: 771, row: 'withdrawn' },
  ended: { close: 1000, status: 523, row: 'ended' },
  paused: { close: 1000, status: 523, row: 'paused' },
  expired: { close: 1000, status: 522, row: 'expired' },
  cut: { close: 1008, status: 523, row: 'cut' },
  unverified: { close: 1013, status: 512, row: 'gateway_lost' },
  shutdown: { close: 1001, status: 512, row: 'gateway_lost' },
} as const satisfies Record<string, { close: number; status: number; row: CloseReason }>
export type DesktopEnd = keyof typeof desktopEnds
// What Carrel cuts for is an end, every one of them.
desktopEnds satisfies Record<CutReason, unknown>

/** What a WebSocket's close frame says: the status of the Guacamole protocol, as its clients expect, and our word. */
export const closeFrame = (end: DesktopEnd): { readonly code: number; readonly reason: string } => ({
  code: desktopEnds[end].close,
  reason: `${desktopEnds[end].status} ${end}`,
})

const meanings: Readonly<Record<number, DesktopEnd>> = {
  512: 'guacd_fault',
  513: 'guacd_busy',
  514: 'desktop_unreachable',
  515: 'desktop_lost',
  516: 'desktop_unreachable',
  517: 'desktop_taken',
  518: 'desktop_closed',
  519: 'desktop_unreachable',
  520: 'desktop_unreachable',
  521: 'desktop_taken',
  522: 'desktop_closed',
  523: 'desktop_closed',
  769: 'credentials_refused',
  771: 'credentials_refused',
  776: 'browser_silent',
  797: 'guacd_busy',
}

/** What guacd means by the status of an `error` (https://guacamole.apache.org/doc/gug/protocol-reference.html). */
export const endOfStatus = (status: string | undefined): DesktopEnd => meanings[Number(status)] ?? 'guacd_fault'
