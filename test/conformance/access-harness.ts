import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { newId } from '../../domain/ids.ts'
import type {
  AccessGateway,
  DoorTarget,
  DoorUse,
  Found,
  Launch,
  SessionDoors,
} from '../../ports/access/access-gateway.ts'

/** A browser that went where a launch leads. */
export interface Visitor {
  /** Whether it got in; waits until that is decided. */
  entered(): Promise<boolean>
  /** Whether its tunnel is open now. */
  isOpen(): boolean
  /** Waits until its tunnel is closed. */
  gone(): Promise<void>
  leave(): void
}

export type LosableCall = 'open' | 'revoke' | 'closeDoors' | 'kill'

/** What a driver's test brings so that the suite can put it to the proof. */
export interface AccessHarness {
  readonly gateway: AccessGateway
  /** Another driver object on the same gateway and the same accounts, as a second process has one. */
  another(): AccessGateway
  /** The same, but it gives up early: for what is known not to be answered. */
  readonly impatient: AccessGateway
  target(protocol?: DoorTarget['protocol']): DoorTarget
  enter(launch: Launch): Visitor
  /** Tunnels stay half-way, where nothing ends them, until let go. */
  hold(): { letGo(): void }
  /** How often it was asked to end a tunnel. */
  kills(): number
  /** Connections, rights and tunnels of this deployment, asked beside the driver. */
  leftovers(deploymentId: string): readonly string[]
  users(deploymentId: string): readonly string[]
  /** It starts anew: whoever was in is out. */
  restart(): Promise<void>
  /** The next call of this kind takes effect, and its answer is lost on the way. */
  loseNextAnswer(call: LosableCall): void
  /** Connections are refused. */
  goDown(): Promise<void>
  /** Requests are taken and not answered. */
  hang(): void
  /** All is well again. */
  recover(): Promise<void>
  /** Any answer while the gateway hangs comes within. */
  readonly boundedMs: number
  close(): Promise<void>
}
export type Harness = () => AccessHarness

/** A call that nobody cancels. */
export const calm = (): AbortSignal => new AbortController().signal
export const freshDoors = (deploymentId: string): SessionDoors => ({
  deploymentId,
  sessionId: newId('session'),
  generation: 1,
})
export const freshUse = (deploymentId: string, more: Partial<DoorUse> = {}): DoorUse => ({
  ...freshDoors(deploymentId),
  door: 'desktop',
  mode: 'control',
  accountId: newId('account'),
  ...more,
})
export const freshDeployment = (): string => randomUUID()

/** Opens until it is opened, as an activity does. */
export async function opened(h: Harness, use: DoorUse, target = h().target()): Promise<Launch> {
  const answer = await eventually(
    () => h().gateway.open(use, target, calm()),
    ({ kind }) => kind !== 'unavailable',
  )
  if (answer.kind !== 'opened') throw new Error(`not opened: ${JSON.stringify(answer)}`)
  return answer.launch
}

/** Opens and goes in. */
export async function inside(h: Harness, use: DoorUse, target = h().target()): Promise<Visitor> {
  const visitor = h().enter(await opened(h, use, target))
  expect(await visitor.entered()).toBe(true)
  return visitor
}

/** Calls until it is done. */
export async function done(call: () => Promise<{ readonly kind: string }>): Promise<void> {
  const answer = await eventually(call, ({ kind }) => kind !== 'unavailable')
  expect(answer).toEqual({ kind: 'done' })
}

export async function listed(gateway: AccessGateway, deploymentId: string): Promise<readonly Found[]> {
  const all: Found[] = []
  for await (const found of gateway.list(deploymentId, calm())) all.push(found)
  return all
}

/** Asks until the answer satisfies, at most 15 s. */
export async function eventually<T>(ask: () => Promise<T> | T, good: (answer: T) => boolean): Promise<T> {
  const deadline = Date.now() + 15_000
  for (;;) {
    const answer = await ask()
    if (good(answer)) return answer
    if (Date.now() > deadline) throw new Error(`not so within 15 s; last: ${JSON.stringify(answer)}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
