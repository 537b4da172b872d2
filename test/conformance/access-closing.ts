import { expect, test } from 'vitest'
import { newId } from '../../domain/ids.ts'
import type { Launch } from '../../ports/access/access-gateway.ts'
import { calm, done, eventually, freshDeployment, freshUse, inside, listed, opened } from './access-harness.ts'
import type { Harness, Visitor } from './access-harness.ts'

export function closeCases(h: Harness, deployment: string): void {
  const close = async (use: ReturnType<typeof freshUse>) => await done(() => h().gateway.closeDoors(use, calm()))
  const revoke = async (use: ReturnType<typeof freshUse>) => await done(() => h().gateway.revoke(use, calm()))

  test('who is revoked is out and stays out; what they have elsewhere stays', async () => {
    const use = freshUse(deployment)
    const elsewhere = freshUse(deployment, { accountId: use.accountId })
    const owner = { ...use, accountId: newId('account') }
    const [mine, theirs, other] = [await inside(h, use), await inside(h, owner), await inside(h, elsewhere)]
    const launch = await opened(h, use)
    await revoke(use)
    await mine.gone()
    expect(await h().enter(launch).entered()).toBe(false)
    expect([theirs.isOpen(), other.isOpen()]).toEqual([true, true])
    await revoke(use)
    await close(use)
    await close(elsewhere)
  })

  test('everybody’s tunnels are cut without a look at what is kept, of one deployment alone', async () => {
    const [use, other] = [freshUse(freshDeployment()), freshUse(freshDeployment())]
    const [mine, theirs, foreign] = [
      await inside(h, use),
      await inside(h, { ...use, accountId: newId('account') }),
      await inside(h, other),
    ]
    expect(await h().gateway.cutAll(use.deploymentId, calm())).toEqual({ kind: 'cut', tunnels: 2 })
    await Promise.all([mine.gone(), theirs.gone()])
    expect(await h().gateway.cutAll(use.deploymentId, calm())).toEqual({ kind: 'cut', tunnels: 0 })
    expect(foreign.isOpen()).toBe(true)
    await close(use)
    await close(other)
  })

  test('with the last right the token ends', async () => {
    const use = freshUse(deployment)
    const before = await opened(h, use)
    await revoke(use)
    const after = await opened(h, use)
    expect(after.token).not.toBe(before.token)
    expect(
      await h()
        .enter({ ...after, token: before.token })
        .entered(),
    ).toBe(false)
    await close(use)
  })

  test('revoking what was never opened is done', async () => {
    await revoke(freshUse(deployment))
    await revoke(freshUse(freshDeployment()))
  })

  // browser:  enter ── connecting ┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈ open ── closed
  // driver:        right withdrawn ── listed ── killed? ── listed ── killed ── listed: none ── done
  const endings: Record<string, (use: ReturnType<typeof freshUse>, tunnel: string) => Promise<{ kind: string }>> = {
    revoked: (use) => h().gateway.revoke(use, calm()),
    'shut out with all': (use) => h().gateway.closeDoors(use, calm()),
    removed: (use) => h().gateway.removeAccount(use.deploymentId, use.accountId, calm()),
    'cut with everybody': async (use) => {
      const { kind } = await h().gateway.cutAll(use.deploymentId, calm())
      return { kind: kind === 'cut' ? 'done' : kind }
    },
    killed: (_use, tunnel) => h().gateway.kill(tunnel, calm()),
  }
  for (const [how, end] of Object.entries(endings))
    test(`who is ${how} while connecting does not stay in`, async () => {
      const use = freshUse(freshDeployment())
      const launch = await opened(h, use)
      const held = h().hold()
      const visitor = h().enter(launch)
      const live = await eventually(
        () => h().gateway.listLive(use, calm()),
        (now) => now.kind === 'listed' && now.tunnels.length > 0,
      )
      const before = h().kills()
      const ending = end(use, live.kind === 'listed' ? (live.tunnels[0]?.id ?? '') : '')
      await eventually(h().kills, (kills) => kills > before)
      held.letGo()
      // One answer, not several tries: it is done only when it is so.
      expect(await ending).toEqual({ kind: 'done' })
      await visitor.gone()
      expect(await h().gateway.listLive(use, calm())).toEqual({ kind: 'listed', tunnels: [] })
      await close(use)
      expect(h().leftovers(use.deploymentId)).toEqual([])
    })

  test('revoking a viewer who joined cuts what was joined, for the viewer knows its key', async () => {
    const owner = freshUse(deployment)
    const guest = { ...owner, accountId: newId('account'), mode: 'view' as const }
    const rdp = h().target('rdp')
    const first = await inside(h, owner, rdp)
    const launch = await opened(h, guest, rdp)
    const second = h().enter(launch)
    expect(await second.entered()).toBe(true)
    await revoke(guest)
    await Promise.all([first.gone(), second.gone()])
    const again = await inside(h, owner, rdp)
    expect(await h().enter(launch).entered()).toBe(false)
    expect(again.isOpen()).toBe(true)
    await close(owner)
  })

  test('a killed tunnel is gone; its account may enter again', async () => {
    const use = freshUse(deployment)
    const visitor = await inside(h, use)
    const live = await h().gateway.listLive(use, calm())
    const id = live.kind === 'listed' ? (live.tunnels[0]?.id ?? '') : ''
    await done(() => h().gateway.kill(id, calm()))
    await visitor.gone()
    await done(() => h().gateway.kill(id, calm()))
    await inside(h, use)
    await close(use)
  })

  test('closed doors leave nothing, stay closed, and are nobody else’s', async () => {
    const fresh = freshDeployment()
    const use = freshUse(fresh)
    const next = { ...use, generation: 2 }
    const guest = { ...use, accountId: newId('account'), mode: 'view' as const }
    const bystander = freshUse(fresh)
    const inThere: Visitor[] = []
    for (const each of [use, guest, { ...use, door: 'second' }, bystander]) inThere.push(await inside(h, each))
    const launch = await opened(h, use)
    const after = await inside(h, next)
    await close(use)
    for (const visitor of inThere.slice(0, 3)) await visitor.gone()
    expect(inThere[3]?.isOpen()).toBe(true)
    expect(await h().enter(launch).entered()).toBe(false)
    await close(use)
    expect(await h().gateway.open(use, h().target(), calm())).toMatchObject({ kind: 'refused', code: 'ended' })
    expect(after.isOpen()).toBe(true)
    await close(next)
    await close(bystander)
    expect(h().leftovers(fresh)).toEqual([])
  })

  test('closing what was never opened is done, and then it cannot be opened', async () => {
    const use = freshUse(freshDeployment())
    await close(use)
    expect(await h().gateway.open(use, h().target(), calm())).toMatchObject({ kind: 'refused', code: 'ended' })
    expect(h().leftovers(use.deploymentId)).toEqual([])
  })

  // process A:  open ─ open ─ open ─ open ─ …            browsers: enter ─ enter ─ enter ─ …
  // process B:         close ─────────────── done        nothing survives, whoever came between
  test('openings and entries that race a closing leave no survivor', async () => {
    for (let round = 0; round < 2; round++) {
      const use = freshUse(freshDeployment())
      const other = h().another()
      const launch = await opened(h, use)
      const visitors: Visitor[] = []
      const enter = (by: Launch) => void visitors.push(h().enter(by))
      for (let n = 0; n < 5; n++) enter(launch)
      const racers = Array.from({ length: 6 }, async (_, n) => {
        const accountId = n % 2 === 0 ? use.accountId : newId('account')
        const answer = await other.open({ ...use, accountId, door: `door${n % 3}` }, h().target(), calm())
        if (answer.kind === 'opened') enter(answer.launch)
      })
      const closing = close(use)
      for (let n = 0; n < 5; n++) enter(launch)
      await Promise.all([closing, ...racers])
      // An opening that was already answered may be entered by a browser that comes late; it is refused.
      await Promise.all(visitors.map(async (visitor) => await visitor.gone()))
      expect(h().leftovers(use.deploymentId)).toEqual([])
    }
  })

  test('a removed account has no user, token or tunnel; opened again it is new', async () => {
    const fresh = freshDeployment()
    const use = freshUse(fresh)
    const visitor = await inside(h, use)
    const before = await opened(h, use)
    await done(() => h().gateway.removeAccount(fresh, use.accountId, calm()))
    await visitor.gone()
    expect(h().users(fresh)).toEqual([])
    expect(await h().enter(before).entered()).toBe(false)
    await done(() => h().gateway.removeAccount(fresh, use.accountId, calm()))
    const after = await opened(h, use)
    expect(after.token).not.toBe(before.token)
    expect(await h().enter(after).entered()).toBe(true)
    await close(use)
    expect((await listed(h().gateway, fresh)).map(({ kind }) => kind)).toEqual(['user'])
  })
}
