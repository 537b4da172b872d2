import { expect, test } from 'vitest'
import { createGate } from '../../../gateway/desktop/gate.ts'
import { exportLoad } from '../../../gateway/desktop/load-figures.ts'
import { createMetrics } from '../../../platform/metrics.ts'

test('what waits, begins and is shown at each guacd can be scraped, as it is at that moment', async () => {
  const gate = createGate([
    { host: 'one.test', port: 4_822 },
    { host: 'two.test', port: 4_823 },
  ])
  const metrics = createMetrics('gateway')
  exportLoad(metrics, () => gate.load())
  const shown = async () =>
    [
      ...(await metrics.expose()).text.matchAll(
        /^carrel_guacd_(\w+)\{(?:guacd="([^"]+)",)?process="gateway"\} (\d+)$/gm,
      ),
    ]
      .map(([, name, guacd, value]) => `${name} ${guacd ?? 'all'} ${value}`)
      .toSorted()
  const idle = ['handshakes one.test:4822 0', 'handshakes two.test:4823 0']
  expect(await shown()).toEqual([...idle, 'open one.test:4822 0', 'open two.test:4823 0', 'waiting all 0'])

  const entries = await Promise.all(Array.from({ length: 4 }, () => gate.enter({})))
  const places = entries.flatMap((entry) => (entry.kind === 'place' ? [entry.place] : []))
  const leaving = new AbortController()
  const late = gate.enter({ signal: leaving.signal })
  const busy = ['handshakes one.test:4822 2', 'handshakes two.test:4823 2']
  expect(await shown()).toEqual([...busy, 'open one.test:4822 0', 'open two.test:4823 0', 'waiting all 1'])

  leaving.abort()
  await late
  for (const place of places.filter(({ guacd }) => guacd.port === 4_822)) place.arrived()
  for (const place of places.filter(({ guacd }) => guacd.port === 4_823)) place.gaveUp(true)
  expect(await shown()).toEqual([...idle, 'open one.test:4822 2', 'open two.test:4823 0', 'waiting all 0'])
})
