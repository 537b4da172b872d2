import type { Metrics } from '../platform/metrics.ts'
import { tunnelKinds } from './doors.ts'
import type { TunnelKind } from './doors.ts'
import { cutReasons } from './live.ts'
import type { CutReason, Live } from './live.ts'

/** What the gateway counts of itself. */
export interface Figures {
  /** An answer of Carrel's own, by its code. */
  answered(code: string): void
  passed(bytesIn: number, bytesOut: number): void
  cut(reason: CutReason): void
}

/** The figures on a registry. What is open is counted at each scrape, from what is open. */
export function createFigures(metrics: Metrics, live: Live): Figures {
  const answers = metrics.counter('gateway_answers_total', 'Answers of the gateway’s own at doors', ['code'])
  const bytes = metrics.counter('gateway_bytes_total', 'Bytes that passed through doors', ['direction'])
  const cuts = metrics.counter('gateway_cuts_total', 'Connections that the gateway ended itself', ['reason'])
  const open = metrics.gauge('gateway_open', 'What is open through this gateway', ['kind'])
  // An increase is only seen where there was a zero before.
  for (const direction of ['in', 'out']) bytes.inc({ direction }, 0)
  for (const reason of cutReasons) cuts.inc({ reason }, 0)
  Object.assign(open, {
    collect: () => {
      const count: Record<TunnelKind, number> = { websocket: 0, desktop: 0, stream: 0 }
      for (const { kind } of live.all()) count[kind] += 1
      for (const kind of tunnelKinds) open.set({ kind }, count[kind])
    },
  })
  return {
    answered: (code) => answers.inc({ code }),
    passed: (bytesIn, bytesOut) => {
      bytes.inc({ direction: 'in' }, bytesIn)
      bytes.inc({ direction: 'out' }, bytesOut)
    },
    cut: (reason) => cuts.inc({ reason }),
  }
}
