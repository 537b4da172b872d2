import { describe, expect, test, vi } from 'vitest'
import { createGate, gateLimits } from '../../../gateway/desktop/gate.ts'
import type { Gate, Place } from '../../../gateway/desktop/gate.ts'
import { createSharing } from '../../../gateway/desktop/sharing.ts'
import { accessTo } from '../../support/guacd/gateway.ts'

const one = { host: 'one', port: 4822 }
const two = { host: 'two', port: 4822 }

async function placeIn(gate: Gate, wish: Parameters<Gate['enter']>[0] = {}): Promise<Place> {
  const entry = await gate.enter(wish)
  if (entry.kind !== 'place') throw new Error(entry.kind)
  return entry.place
}

describe('the gate', () => {
  test('two shake hands with a guacd at a time; the third waits for the first picture of one', async () => {
    const gate = createGate([one])
    const first = await placeIn(gate)
    await placeIn(gate)
    let third: Place | undefined
    const waiting = placeIn(gate).then((place) => (third = place))
    await Promise.resolve()
    expect([third, gate.load().waiting]).toEqual([undefined, 1])
    first.arrived()
    await waiting
    expect(gate.load()).toEqual({ waiting: 0, guacds: [{ guacd: one, shaking: 2, open: 1 }] })
  })

  test('a place that came to nothing is free at once, and given back only once', async () => {
    const gate = createGate([one])
    const [first] = [await placeIn(gate), await placeIn(gate)]
    const queued = [gate.enter({}), gate.enter({})]
    first.gaveUp(false)
    first.gaveUp(false)
    first.arrived()()
    expect((await queued[0])?.kind).toBe('place')
    expect(gate.load()).toMatchObject({ waiting: 1, guacds: [{ shaking: 2, open: 0 }] })
  })

  test('the least loaded guacd is first; one that could not be reached, or hung, is last', async () => {
    let now = 0
    const gate = createGate([one, two], gateLimits, () => now)
    const [a, b] = [await placeIn(gate), await placeIn(gate)]
    expect([a.guacd, b.guacd]).toEqual([one, two])
    const release = a.arrived()
    b.gaveUp(true)
    // Two is away: one is taken although it has a connection.
    expect((await placeIn(gate)).guacd).toEqual(one)
    now = gateLimits.restMs + 1
    expect((await placeIn(gate)).guacd).toEqual(two)
    release()
    expect((await placeIn(gate, { avoid: one })).guacd).toEqual(two)
    expect((await placeIn(gate, { avoid: two })).guacd).toEqual(one)
  })

  test('who must go to one guacd waits for that one, and holds up nobody who may go to another', async () => {
    const gate = createGate([one, two])
    const first = await placeIn(gate, { only: one })
    await placeIn(gate, { only: one })
    const bound = gate.enter({ only: one })
    expect((await placeIn(gate)).guacd).toEqual(two)
    expect(gate.load().waiting).toBe(1)
    first.gaveUp(false)
    expect((await bound).kind).toBe('place')
  })

  test('the queue is bounded in number and in time, and can be left', async () => {
    vi.useFakeTimers()
    try {
      const gate = createGate([one], { ...gateLimits, queue: 2 })
      await placeIn(gate)
      await placeIn(gate)
      const leaving = new AbortController()
      const [patient, impatient] = [gate.enter({}), gate.enter({ signal: leaving.signal })]
      expect(await gate.enter({})).toEqual({ kind: 'busy' })
      leaving.abort()
      expect(await impatient).toEqual({ kind: 'withdrawn' })
      await vi.advanceTimersByTimeAsync(gateLimits.queueMs)
      expect(await patient).toEqual({ kind: 'busy' })
      expect(gate.load().waiting).toBe(0)
    } finally {
      vi.useRealTimers()
    }
  })

  test('without a guacd everybody is refused', async () => {
    expect(await createGate([]).enter({})).toEqual({ kind: 'busy' })
  })
})

describe('sharing', () => {
  const target = { host: '10.0.0.5', port: 5901, password: '' }
  const [owner, guest] = [accessTo('a', 'control', target), accessTo('a', 'view', target)]
  const begun = { guacd: one, connectionId: '$1' }

  test('what is open is joined by others of the same instance, until all have left', () => {
    const sharing = createSharing()
    expect(sharing.find(guest)).toBeNull()
    const seat = sharing.enter(owner, begun)
    expect(sharing.find(guest)).toMatchObject(begun)
    expect(sharing.find(accessTo('b', 'view', target))).toBeNull()
    expect(sharing.find({ ...guest, generation: 2 })).toBeNull()
    const other = sharing.enter(guest, begun)
    expect(seat.usersNow()).toBe(2)
    seat.leave()
    seat.leave()
    expect(sharing.find(owner)).toMatchObject(begun)
    other.leave()
    expect(sharing.find(owner)).toBeNull()
  })

  test('the bridge to it is closed when the last one leaves, also where guacd knew it no more before', () => {
    let closed = 0
    const bridged = { ...begun, bridge: { host: '127.0.0.1', port: 1, close: () => (closed += 1) } }
    for (const isForgotten of [false, true]) {
      closed = 0
      const sharing = createSharing()
      const seats = [sharing.enter(owner, bridged), sharing.enter(guest, begun)]
      if (isForgotten) sharing.forget(begun)
      // Who was on the way in then sees it by the same bridge.
      seats.push(sharing.enter(guest, begun))
      for (const seat of seats) {
        expect(closed).toBe(0)
        seat.leave()
      }
      expect(closed).toBe(1)
    }
  })

  test('what one who only looks has begun is for lookers alone', () => {
    const sharing = createSharing()
    sharing.enter(guest, begun)
    expect([sharing.find(owner), sharing.find(guest)?.connectionId]).toEqual([null, '$1'])
    sharing.enter(owner, { guacd: two, connectionId: '$2' })
    expect(sharing.find(guest)?.connectionId).toBe('$2')
    sharing.forget({ guacd: two, connectionId: '$2' })
    expect(sharing.find(owner)).toBeNull()
  })
})
