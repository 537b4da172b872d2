import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { connect } from '../../db/connect.ts'
import { readArming } from '../../db/epoch.ts'
import type { AccountId, SessionId } from '../../domain/ids.ts'
import type { DoorUse } from '../../ports/access/access-gateway.ts'
import { createFakeAccessGateway } from '../../ports/access/fake.ts'
import { watchBlind } from '../../worker/outside-blind.ts'
import { freePort } from '../../stack/ports.ts'
import { createDoorScene } from '../setup/doors.ts'
import type { DoorScene } from '../setup/doors.ts'

let scene: DoorScene
beforeAll(async () => {
  scene = await createDoorScene()
})
afterAll(async () => await scene.close())

const soon = { timeout: 20_000, interval: 10 }
const target = { protocol: 'vnc', host: '10.1.2.3', port: 5_901, parameters: {} } as const
const useOf = (deploymentId: string): DoorUse => ({
  ...{ deploymentId, sessionId: 's1' as SessionId, generation: 1 },
  ...{ door: 'desk', mode: 'control', accountId: 'a1' as AccountId },
})

async function createDesk(deploymentId: string, access = createFakeAccessGateway()) {
  const opened = await access.open(useOf(deploymentId), target, AbortSignal.timeout(5_000))
  if (opened.kind !== 'opened') throw new Error(`It should open: ${JSON.stringify(opened)}`)
  return { access, enter: () => access.backend.enter(opened.launch) }
}

function watching(access: ReturnType<typeof createFakeAccessGateway>, disarmed: 'restored' | null = null) {
  const at = { ms: 0 }
  const away = connect({ url: `postgres://nobody@127.0.0.1:${port}/none`, poolSize: 1 })
  const state = { isAway: false, asked: 0, ended: 0 }
  const said: string[] = []
  const leave = watchBlind({
    access,
    deploymentId: 'd',
    readArming: async () => {
      state.asked += 1
      if (state.isAway) return await readArming(away)
      return { ...(await readArming(scene.rows.db)), ...(disarmed === null ? {} : { disarmed }) }
    },
    log: { warn: (_, message) => void said.push(message) },
    count: (tunnels) => void (state.ended += tunnels),
    limits: { everyMs: 10 },
    now: () => at.ms,
  })
  /** Until it was asked, and has done what follows from that, as often as this. */
  const looks = async (times: number) => {
    const before = state.asked
    await vi.waitFor(() => expect(state.asked).toBeGreaterThan(before + times), soon)
  }
  return { at, state, said, looks, close: async () => (leave(), await away.destroy()) }
}
let port = 0
beforeAll(async () => {
  port = await freePort()
})

test('what is open outside ends when Postgres has not answered for most of a minute, and comes back with it', async () => {
  // Postgres: answers ── away ─────────────────────────────── answers
  // tunnels:  open ───── open (40 s) ✗ opened again ✗ ······· open
  const { access, enter } = await createDesk('d')
  const other = await createDesk('elsewhere', access)
  const { at, state, said, looks, close } = watching(access)
  const [tunnel, foreign] = [enter(), other.enter()]
  await looks(1)
  state.isAway = true
  at.ms = 39_000
  await looks(2)
  expect([tunnel.phase, said]).toEqual(['open', []])
  at.ms = 41_000
  await vi.waitFor(() => expect(tunnel.phase).toBe('closed'), soon)
  const again = enter()
  await vi.waitFor(() => expect(again.phase).toBe('closed'), soon)
  await vi.waitFor(() => expect(state.ended).toBe(2), soon)
  expect(said).toEqual(['Postgres does not answer: what is open at the gateway outside is ended until it does'])
  state.isAway = false
  await looks(2)
  const later = enter()
  await looks(2)
  expect([later.phase, foreign.phase]).toEqual(['open', 'open'])
  await close()
})

test('a gateway that does not answer then is asked again', async () => {
  const { access, enter } = await createDesk('d')
  const { at, state, looks, close } = watching(access)
  await looks(1)
  const tunnel = enter()
  access.backend.goDown()
  state.isAway = true
  at.ms = 60_000
  await looks(3)
  expect([tunnel.phase, state.ended]).toEqual(['open', 0])
  access.backend.goUp()
  await vi.waitFor(() => expect(tunnel.phase).toBe('closed'), soon)
  await close()
})

test('a copy of an installation ends nothing of the original’s', async () => {
  const { access, enter } = await createDesk('d')
  const { at, state, looks, close } = watching(access, 'restored')
  const tunnel = enter()
  await looks(1)
  state.isAway = true
  at.ms = 600_000
  await looks(3)
  expect([tunnel.phase, access.backend.calls.cutAll]).toEqual(['open', 0])
  await close()
})
