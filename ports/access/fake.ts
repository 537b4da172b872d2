import { randomUUID } from 'node:crypto'
import type { AccountId } from '../../domain/ids.ts'
import { AccessUnreachable } from './access-gateway.ts'
import type {
  AccessGateway,
  AccessUnavailable,
  Done,
  DoorUse,
  LiveTunnel,
  NotDone,
  SessionDoors,
} from './access-gateway.ts'
import { createFakeAccessBackend, doorKey, doorsKey, endTunnel, grantKey, primaryOf } from './fake/backend.ts'
import type { AccessCall, FakeAccessBackend, FakeTunnel } from './fake/backend.ts'

export interface FakeAccessOptions {
  /** Share one among several drivers to play several processes; a fresh one by default. */
  readonly backend?: FakeAccessBackend
  /** Where its launches lead. */
  readonly baseUrl?: string
  /** A call that the backend does not answer is given up after this. */
  readonly requestTimeoutMs?: number
  readonly retryAfterMs?: number
}
export type FakeAccessGateway = AccessGateway & { readonly backend: FakeAccessBackend }

const done: Done = { kind: 'done' }

/** A gateway in memory, for tests and for trying Carrel without any. It passes the conformance suite. */
export function createFakeAccessGateway(options: FakeAccessOptions = {}): FakeAccessGateway {
  const { backend = createFakeAccessBackend(), baseUrl = 'http://fake.invalid/' } = options
  const { requestTimeoutMs = 5_000, retryAfterMs = 1_000 } = options
  const userKey = (deploymentId: string, accountId: AccountId) => `${deploymentId} ${accountId}`
  const unavailable = (detail: string): AccessUnavailable => ({
    kind: 'unavailable',
    retryAt: Date.now() + retryAfterMs,
    detail,
  })

  /** Runs the deed where the backend is reached, or says why it was not. */
  async function reaching<T>(call: AccessCall, signal: AbortSignal, deed: () => T): Promise<T | AccessUnavailable> {
    if (backend.health === 'down') return unavailable('unreachable')
    const waits = backend.health === 'hanging' ? requestTimeoutMs : Math.min(backend.latencyMs, requestTimeoutMs)
    if (waits > 0) await pause(waits, signal)
    if (signal.aborted) return unavailable('cancelled')
    if (waits >= requestTimeoutMs) return unavailable(`no answer within ${requestTimeoutMs} ms`)
    backend.calls[call] += 1
    const plan = backend.takePlan(call)
    if (plan === 'before') return unavailable('planned to fail before')
    const made = deed()
    return plan === 'after' ? unavailable('planned to lose the answer') : made
  }

  const tokenOf = ({ deploymentId, accountId }: DoorUse): string => {
    const held = [...backend.tokens].find(([, t]) => t.deploymentId === deploymentId && t.accountId === accountId)
    const token = held?.[0] ?? randomUUID()
    backend.tokens.set(token, { deploymentId, accountId })
    return token
  }
  /** The token goes with the last right; tunnels that are open under it go along. */
  const endIdleToken = (deploymentId: string, accountId: AccountId) => {
    const grants = [...backend.grants.values()]
    if (grants.some(({ use }) => use.deploymentId === deploymentId && use.accountId === accountId)) return
    for (const [token, t] of backend.tokens)
      if (t.deploymentId === deploymentId && t.accountId === accountId) endToken(token)
  }
  const endToken = (token: string) => {
    backend.tokens.delete(token)
    for (const tunnel of [...backend.tunnels.values()]) if (tunnel.token === token) endTunnel(backend, tunnel)
  }
  /** Until none is left; those that connect are waited for a while. */
  async function endAll(of: (tunnel: FakeTunnel) => boolean, signal: AbortSignal): Promise<Done | NotDone> {
    for (let round = 0; round < 10; round++) {
      const found = [...backend.tunnels.values()].filter(of)
      if (found.length === 0) return done
      for (const tunnel of found) endTunnel(backend, tunnel)
      if (found.some(({ phase }) => phase === 'connecting')) await pause(20, signal)
    }
    return unavailable('tunnels are still open')
  }
  const ofDoors = (doors: SessionDoors) => (other: SessionDoors) => doorsKey(other) === doorsKey(doors)

  async function close(doors: SessionDoors, signal: AbortSignal): Promise<Done | NotDone> {
    backend.ended.add(doorsKey(doors))
    const mine = ofDoors(doors)
    const gone = [...backend.grants].filter(([, { use }]) => mine(use))
    for (const [key] of gone) backend.grants.delete(key)
    for (const [, { use }] of gone) endIdleToken(use.deploymentId, use.accountId)
    const ended = await endAll((tunnel) => mine(tunnel.doors), signal)
    if (ended.kind !== 'done') return ended
    for (const [key, connection] of backend.connections) if (mine(connection)) backend.connections.delete(key)
    return done
  }
  const live = (tunnel: FakeTunnel): LiveTunnel => {
    const { id, door, mode, accountId, startedAt } = tunnel
    const { sessionId, generation } = tunnel.doors
    return { id, sessionId, generation, door, mode, accountId, startedAt, remoteHost: null }
  }
  /** The outcome of a deed that has its own. */
  const flat = async <T>(outcome: Promise<T | AccessUnavailable> | Promise<Promise<T> | AccessUnavailable>) =>
    await outcome

  return {
    backend,
    open: (use, target, signal) =>
      reaching('open', signal, () => {
        if (Object.values(target.parameters).some((value) => value.includes('${')))
          return {
            kind: 'refused',
            code: 'parameter_refused',
            detail: 'the gateway would replace what is in a parameter',
          }
        if (backend.ended.has(doorsKey(use)))
          return { kind: 'refused', code: 'ended', detail: 'these doors were closed before' }
        const joins = use.mode === 'view' && target.protocol !== 'vnc'
        const mode = joins ? 'control' : use.mode
        const { deploymentId, sessionId, generation, door, accountId } = use
        backend.connections.set(doorKey(use, door, mode), { deploymentId, sessionId, generation, door, mode })
        backend.users.set(userKey(deploymentId, accountId), { deploymentId, accountId })
        if (joins && primaryOf(backend, use) === null)
          return { kind: 'refused', code: 'nothing_to_view', detail: 'nobody has this door open' }
        backend.grants.set(grantKey(use), { use, joins })
        const path = `#/${encodeURIComponent(grantKey(use))}`
        return { kind: 'opened', launch: { baseUrl, path, token: tokenOf(use) } }
      }),
    revoke: (use, signal) =>
      flat(
        reaching('revoke', signal, async () => {
          const grant = backend.grants.get(grantKey(use))
          backend.grants.delete(grantKey(use))
          endIdleToken(use.deploymentId, use.accountId)
          const own = (t: FakeTunnel) => t.accountId === use.accountId && t.mode === use.mode
          const cut = (t: FakeTunnel) =>
            ofDoors(use)(t.doors) && t.door === use.door && (grant?.joins === true || own(t))
          return await endAll(cut, signal)
        }),
      ),
    closeDoors: (doors, signal) => flat(reaching('closeDoors', signal, () => close(doors, signal))),
    removeAccount: (deploymentId, accountId, signal) =>
      flat(
        reaching('removeAccount', signal, async () => {
          for (const [key, { use }] of backend.grants)
            if (use.deploymentId === deploymentId && use.accountId === accountId) backend.grants.delete(key)
          endIdleToken(deploymentId, accountId)
          backend.users.delete(userKey(deploymentId, accountId))
          return await endAll((t) => t.doors.deploymentId === deploymentId && t.accountId === accountId, signal)
        }),
      ),
    listLive: (doors, signal) =>
      reaching('listLive', signal, () => {
        const tunnels = [...backend.tunnels.values()].filter((tunnel) => ofDoors(doors)(tunnel.doors)).map(live)
        return { kind: 'listed', tunnels }
      }),
    kill: (id, signal) => flat(reaching('kill', signal, () => endAll((tunnel) => tunnel.id === id, signal))),
    cutAll: (deploymentId, signal) =>
      flat(
        reaching('cutAll', signal, async () => {
          const mine = (tunnel: FakeTunnel) => tunnel.doors.deploymentId === deploymentId
          const tunnels = [...backend.tunnels.values()].filter(mine).length
          const ended = await endAll(mine, signal)
          return ended.kind === 'done' ? ({ kind: 'cut', tunnels } as const) : ended
        }),
      ),
    async *list(deploymentId, signal) {
      const reached = await reaching('list', signal, () => done)
      if (reached.kind !== 'done') throw new AccessUnreachable(reached.detail, reached.retryAt)
      const of = <T extends { readonly deploymentId: string }>(all: Iterable<T>) =>
        [...all].filter((one) => one.deploymentId === deploymentId)
      const doors = new Map(of(backend.connections.values()).map((c) => [`${doorsKey(c)} ${c.door}`, c]))
      for (const { sessionId, generation, door } of doors.values())
        yield { kind: 'connection', sessionId, generation, door }
      for (const { accountId } of of(backend.users.values())) yield { kind: 'user', accountId }
      for (const tunnel of [...backend.tunnels.values()])
        if (tunnel.doors.deploymentId === deploymentId) yield { kind: 'tunnel', tunnel: live(tunnel) }
    },
    close: () => Promise.resolve(),
  }
}

/** Ends early when aborted. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>((resolve) => {
    const timer = setTimeout(finish, ms)
    signal.addEventListener('abort', finish, { once: true })
    function finish() {
      clearTimeout(timer)
      signal.removeEventListener('abort', finish)
      resolve()
    }
  })
}
