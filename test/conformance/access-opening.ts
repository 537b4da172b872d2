import { expect, test } from 'vitest'
import { newId } from '../../domain/ids.ts'
import { calm, done, freshDeployment, freshUse, inside, listed, opened } from './access-harness.ts'
import type { Harness } from './access-harness.ts'

export function openCases(h: Harness, deployment: string): void {
  const close = async (use: ReturnType<typeof freshUse>) => await done(() => h().gateway.closeDoors(use, calm()))

  test('who opens gets in, is listed with name and mode, and the second opening is the first again', async () => {
    const use = freshUse(deployment)
    const launch = await opened(h, use)
    expect(launch.path).not.toContain(launch.token)
    expect(launch.baseUrl).toMatch(/^https?:\/\/.*\/$/)
    const visitor = h().enter(launch)
    expect(await visitor.entered()).toBe(true)
    const { sessionId, generation, door, mode, accountId } = use
    expect(await h().gateway.listLive(use, calm())).toEqual({
      kind: 'listed',
      tunnels: [
        {
          id: expect.any(String),
          sessionId,
          generation,
          door,
          mode,
          accountId,
          startedAt: expect.any(Number),
          remoteHost: expect.toSatisfy((host) => host === null || typeof host === 'string'),
        },
      ],
    })
    expect(await opened(h, use)).toEqual(launch)
    expect(visitor.isOpen()).toBe(true)
    await close(use)
  })

  test('a right is for one account, one door and one mode', async () => {
    const owner = freshUse(deployment)
    const guest = { ...owner, accountId: newId('account'), mode: 'view' as const }
    const [mine, theirs] = [await opened(h, owner), await opened(h, guest)]
    expect(theirs.token).not.toBe(mine.token)
    expect(theirs.path).not.toBe(mine.path)
    expect(
      await h()
        .enter({ ...mine, token: theirs.token })
        .entered(),
    ).toBe(false)
    expect(
      await h()
        .enter({ ...mine, token: 'F'.repeat(64) })
        .entered(),
    ).toBe(false)
    expect(await h().enter(theirs).entered()).toBe(true)
    const { tunnels } = { tunnels: [], ...(await h().gateway.listLive(owner, calm())) }
    expect(tunnels).toMatchObject([{ mode: 'view', accountId: guest.accountId }])
    await close(owner)
  })

  test('an account has one token, whatever it opens', async () => {
    const one = freshUse(deployment)
    const two = freshUse(deployment, { accountId: one.accountId })
    const launches = [await opened(h, one), await opened(h, two), await opened(h, { ...one, door: 'second' })]
    expect(new Set(launches.map(({ token }) => token)).size).toBe(1)
    expect(new Set(launches.map(({ path }) => path)).size).toBe(3)
    await close(one)
    await close(two)
  })

  // ten calls, five in each of two processes:  open ─┬─ group, connection, user, right, token ─┬─ the same answer
  //                                             open ─┘                                         └─ the same answer
  test('ten openings at once give the same, and leave one of each', async () => {
    const fresh = freshDeployment()
    const use = freshUse(fresh)
    const other = h().another()
    const attempts = Array.from(
      { length: 10 },
      async (_, n) => await (n % 2 === 0 ? h().gateway : other).open(use, h().target(), calm()),
    )
    const answers = await Promise.all(attempts)
    const launch = await opened(h, use)
    for (const answer of answers) if (answer.kind !== 'unavailable') expect(answer).toEqual({ kind: 'opened', launch })
    const found = await listed(h().gateway, fresh)
    expect(found.map(({ kind }) => kind).toSorted()).toEqual(['connection', 'user'])
    await close(use)
    expect(h().leftovers(fresh)).toEqual([])
  })

  test('viewing what allows no second connection joins its owner, and ends with it', async () => {
    const owner = freshUse(deployment)
    const guest = { ...owner, accountId: newId('account'), mode: 'view' as const }
    const rdp = h().target('rdp')
    expect(await h().gateway.open(guest, rdp, calm())).toMatchObject({ kind: 'refused', code: 'nothing_to_view' })
    const first = await inside(h, owner, rdp)
    const second = await inside(h, guest, rdp)
    const live = await h().gateway.listLive(owner, calm())
    expect(live).toMatchObject({ kind: 'listed', tunnels: [{ mode: 'control' }, { mode: 'view' }] })
    first.leave()
    await second.gone()
    await close(owner)
  })

  test('what the gateway would replace in a parameter is refused, before anything is made', async () => {
    const use = freshUse(freshDeployment())
    const target = { ...h().target(), parameters: { password: 'a${GUAC_USERNAME}' } }
    const answer = await h().gateway.open(use, target, calm())
    expect(answer).toMatchObject({ kind: 'refused', code: 'parameter_refused' })
    expect(JSON.stringify(answer)).not.toContain('GUAC_USERNAME')
    expect(await listed(h().gateway, use.deploymentId)).toEqual([])
  })

  test('a list has everything of the deployment, and nothing of another', async () => {
    const [mine, other] = [freshDeployment(), freshDeployment()]
    const accounts = Array.from({ length: 5 }, () => newId('account'))
    const uses = accounts.flatMap((accountId) => Array.from({ length: 5 }, () => freshUse(mine, { accountId })))
    const stranger = freshUse(other)
    await Promise.all([...uses, stranger].map(async (use) => await opened(h, use)))
    const visitor = await inside(h, uses[0] ?? stranger)
    const found = await listed(h().gateway, mine)
    const sessions = found.flatMap((f) => (f.kind === 'connection' ? [f.sessionId] : []))
    expect(sessions.toSorted()).toEqual(uses.map(({ sessionId }) => sessionId).toSorted())
    expect(found.flatMap((f) => (f.kind === 'user' ? [f.accountId] : [])).toSorted()).toEqual(accounts.toSorted())
    expect(found.filter(({ kind }) => kind === 'tunnel')).toMatchObject([{ tunnel: { sessionId: uses[0]?.sessionId } }])
    await Promise.all([...uses, stranger].map(close))
    expect(visitor.isOpen()).toBe(false)
    expect(h().leftovers(mine)).toEqual([])
  })
}
