import { expect, test } from 'vitest'
import { AccessUnreachable } from '../../ports/access/access-gateway.ts'
import { calm, done, freshDeployment, freshUse, inside, listed, opened } from './access-harness.ts'
import type { Harness, LosableCall } from './access-harness.ts'

export function faultCases(h: Harness, deployment: string): void {
  const close = async (use: ReturnType<typeof freshUse>) => await done(() => h().gateway.closeDoors(use, calm()))

  const calls: Record<LosableCall, (use: ReturnType<typeof freshUse>, tunnel: string) => Promise<{ kind: string }>> = {
    open: (use) => h().gateway.open(use, h().target(), calm()),
    revoke: (use) => h().gateway.revoke(use, calm()),
    closeDoors: (use) => h().gateway.closeDoors(use, calm()),
    kill: (_use, tunnel) => h().gateway.kill(tunnel, calm()),
  }

  test('an opening whose answer is lost is found again, not made twice', async () => {
    const use = freshUse(freshDeployment())
    h().loseNextAnswer('open')
    await calls.open(use, '')
    await inside(h, use)
    expect((await listed(h().gateway, use.deploymentId)).map(({ kind }) => kind)).toEqual([
      'connection',
      'user',
      'tunnel',
    ])
    await close(use)
    expect(h().leftovers(use.deploymentId)).toEqual([])
  })

  for (const call of ['revoke', 'closeDoors', 'kill'] as const)
    test(`a ${call} whose answer is lost is done by the next`, async () => {
      const use = freshUse(freshDeployment())
      const visitor = await inside(h, use)
      const live = await h().gateway.listLive(use, calm())
      const tunnel = live.kind === 'listed' ? (live.tunnels[0]?.id ?? '') : ''
      h().loseNextAnswer(call)
      await calls[call](use, tunnel)
      await done(() => calls[call](use, tunnel))
      await visitor.gone()
      await close(use)
      expect(h().leftovers(use.deploymentId)).toEqual([])
    })

  const outages: Record<string, () => Promise<void>> = {
    'refuses connections': () => h().goDown(),
    'does not answer': () => Promise.resolve(h().hang()),
  }
  for (const [what, happen] of Object.entries(outages))
    test(`a gateway that ${what} is unavailable, soon, and nothing is lost by it`, async () => {
      const use = freshUse(deployment)
      await opened(h, use)
      await happen()
      const from = Date.now()
      const answers = await Promise.all([
        h().impatient.open(use, h().target(), calm()),
        h().impatient.revoke(use, calm()),
        h().impatient.closeDoors({ ...use, generation: 7 }, calm()),
        h().impatient.listLive(use, calm()),
      ])
      expect(Date.now() - from).toBeLessThan(h().boundedMs)
      for (const answer of answers) {
        expect(answer).toMatchObject({ kind: 'unavailable', retryAt: expect.any(Number) })
        expect(JSON.stringify(answer)).not.toMatch(/ECONN|fetch failed|undici|\.ts:/)
      }
      await expect(listed(h().impatient, deployment)).rejects.toThrow(AccessUnreachable)
      await h().recover()
      await inside(h, use)
      await close(use)
      await close({ ...use, generation: 7 })
    })

  test('a call that is cancelled ends', async () => {
    const use = freshUse(deployment)
    h().hang()
    const cancelled = new AbortController()
    const opening = h().gateway.open(use, h().target(), cancelled.signal)
    cancelled.abort()
    expect(await opening).toMatchObject({ kind: 'unavailable' })
    await h().recover()
    await close(use)
  })

  test('after a restart everybody is out, and opening again lets them in', async () => {
    const use = freshUse(deployment)
    const before = await opened(h, use)
    const visitor = await inside(h, use)
    await h().restart()
    await visitor.gone()
    const after = await opened(h, use)
    expect(after.token).not.toBe(before.token)
    expect(after.path).toBe(before.path)
    expect(await h().enter(after).entered()).toBe(true)
    await close(use)
  })
}
