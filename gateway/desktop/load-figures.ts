import type { Metrics } from '../../platform/metrics.ts'
import type { Gate } from './gate.ts'

/** The load of this gateway's guacds on a registry, read at each scrape. */
export function exportLoad(metrics: Metrics, load: Gate['load']): void {
  const waiting = metrics.gauge('guacd_waiting', 'Desktops that wait for a place at a guacd')
  const shaking = metrics.gauge('guacd_handshakes', 'Desktops on their way to a first picture', ['guacd'])
  const open = metrics.gauge('guacd_open', 'Desktops that are shown', ['guacd'])
  const collecting = (gauge: object, collect: () => void) => Object.assign(gauge, { collect })
  collecting(waiting, () => waiting.set(load().waiting))
  const perGuacd = [
    [shaking, 'shaking'],
    [open, 'open'],
  ] as const
  for (const [gauge, what] of perGuacd)
    collecting(gauge, () => {
      for (const { guacd, ...count } of load().guacds) gauge.set({ guacd: `${guacd.host}:${guacd.port}` }, count[what])
    })
}
