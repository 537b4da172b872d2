import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import { foreignReasons } from '../domain/foreign.ts'
import type { ForeignReason } from '../domain/foreign.ts'

type Labels = readonly string[]

export interface Metrics {
  /** The text of `/metrics` and its content type. */
  expose(): Promise<{ readonly contentType: string; readonly text: string }>
  counter<const L extends Labels = []>(name: string, help: string, labels?: L): Counter<L[number]>
  gauge<const L extends Labels = []>(name: string, help: string, labels?: L): Gauge<L[number]>
  /** Buckets in seconds unless the name says otherwise. */
  histogram<const L extends Labels = []>(
    name: string,
    help: string,
    labels?: L,
    buckets?: number[],
  ): Histogram<L[number]>
}

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]

/** One registry per process, with Node's own figures. Every name gets the prefix `carrel_`. */
export function createMetrics(process: string): Metrics {
  const registry = new Registry()
  registry.setDefaultLabels({ process })
  collectDefaultMetrics({ register: registry })
  const common = <const L extends Labels>(name: string, help: string, labels?: L) => ({
    name: `carrel_${name}`,
    help,
    labelNames: labels ?? [],
    registers: [registry],
  })
  return {
    expose: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
    counter: (name, help, labels) => new Counter(common(name, help, labels)),
    gauge: (name, help, labels) => new Gauge(common(name, help, labels)),
    histogram: (name, help, labels, buckets = seconds) => new Histogram({ ...common(name, help, labels), buckets }),
  }
}

/** Counts payloads that were not ours; give `onForeign` to the codec. Anything but zero is an alarm. */
export function countForeignPayloads(metrics: Metrics): (reason: ForeignReason) => void {
  const counter = metrics.counter('foreign_payload_total', 'Payloads from Temporal that were not ours', ['reason'])
  // An increase is only seen where there was a zero before.
  for (const reason of foreignReasons) counter.inc({ reason }, 0)
  return (reason) => counter.inc({ reason })
}
