import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { DoorUse } from '../../../ports/access/access-gateway.ts'
import { calm, done, freshDeployment, freshUse } from '../../conformance/access-harness.ts'
import type { Fault } from '../../support/guacamole/faults.ts'
import { createDoubleSite } from '../../support/guacamole/site.ts'
import type { DoubleSite } from '../../support/guacamole/site.ts'

// Answers that say nothing, and nodes that give none, change nothing in what is true.

vi.setConfig({ testTimeout: 60_000 })

let site: DoubleSite
let driver: ReturnType<DoubleSite['driver']>
beforeEach(async () => {
  site = await createDoubleSite(1)
  driver = site.driver()
})
afterEach(async () => await site.close())

const target = { protocol: 'vnc', host: '10.0.0.5', port: 5901, parameters: { password: 'vnc-secret' } } as const
const open = async (use: DoorUse) => await driver.open(use, target, calm())
const close = async (use: DoorUse) => await done(() => driver.closeDoors(use, calm()))

const strange: Record<string, Fault['answer']> = {
  'a redirect': { status: 302, type: null, headers: { location: 'http://127.0.0.1:9/elsewhere' } },
  'a page': { status: 404, type: 'text/html', body: '<html>not here</html>' },
  'another shape': { status: 200, type: 'application/json', body: { what: 'ever' } },
  'broken JSON': { status: 200, type: 'application/json', body: undefined },
  'an answer without end': { status: 200, type: 'application/json', body: { name: 'x'.repeat(17 * 1024 * 1024) } },
}
for (const [what, answer] of Object.entries(strange))
  test(`${what} is an answer that says nothing`, async () => {
    const use = freshUse(freshDeployment())
    expect((await open(use)).kind).toBe('opened')
    const [node] = site.nodes
    if (answer !== undefined) node?.faults.add({ matches: ({ path }) => path.includes('/data/'), answer })
    const said = [await open(use), await driver.listLive(use, calm()), await driver.closeDoors(use, calm())]
    for (const one of said) {
      expect(one.kind).toBe('unavailable')
      expect(JSON.stringify(one).length).toBeLessThan(300)
      if (what === 'an answer without end') expect(one).toMatchObject({ detail: expect.stringContaining('bytes') })
    }
    node?.faults.clear()
    await close(use)
    expect(site.leftovers(use.deploymentId)).toEqual([])
  })

test('with one of two nodes away, tunnels are not said to be none', async () => {
  const two = await createDoubleSite(2)
  const both = two.driver()
  const use = freshUse(freshDeployment())
  try {
    expect((await both.open(use, target, calm())).kind).toBe('opened')
    await two.nodes[1]?.stop('stop')
    expect((await both.listLive(use, calm())).kind).toBe('unavailable')
    expect((await both.closeDoors(use, calm())).kind).toBe('unavailable')
    await two.nodes[1]?.start()
    await done(() => both.closeDoors(use, calm()))
    expect(two.leftovers(use.deploymentId)).toEqual([])
  } finally {
    await two.close()
  }
})
