import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { openPage } from '../../../gateway/pages/open.ts'
import { eventually } from '../../support/gateway/stand.ts'

const script = /<script>(.*)<\/script>/s.exec(openPage([]).html)?.[1] ?? ''
const ticket = `ct_${'A'.repeat(43)}`

interface Said {
  readonly status: number
  readonly body?: unknown
}
/** `lost`: nothing comes back, whether or not it arrived. */
type Turn = Said | 'lost' | 'cut' | 'no JSON'

const answers: Readonly<Record<'cut' | 'no JSON', () => object>> = {
  cut: () => ({ ok: true, json: () => Promise.reject(new TypeError('network error')) }),
  'no JSON': () => ({ ok: false, json: () => Promise.reject(new SyntaxError('<html>')) }),
}

/** The page in a browser of few words; each request gets what its turn says, the last turn again and again. */
function visit(...turns: readonly Turn[]) {
  const element = () => ({ textContent: '', hidden: true, focus: () => undefined, onclick: () => undefined })
  const elements = { title: element(), text: element(), continue: element() }
  const asked: unknown[] = []
  const paused: number[] = []
  const went: string[] = []
  const fetched = (_path: string, { body }: { body: string }) => {
    const turn = turns[Math.min(asked.length, turns.length - 1)] ?? 'lost'
    asked.push(JSON.parse(body))
    if (turn === 'lost') return Promise.reject(new TypeError('Failed to fetch'))
    if (typeof turn === 'string') return Promise.resolve(answers[turn]())
    return Promise.resolve({ ok: turn.status === 200, json: () => Promise.resolve(turn.body) })
  }
  runInNewContext(script, {
    document: { getElementById: (id: keyof typeof elements) => elements[id] },
    location: { hash: `#ticket=${ticket}`, pathname: '/.carrel/open', replace: (to: string) => void went.push(to) },
    history: { replaceState: () => undefined },
    addEventListener: () => undefined,
    fetch: fetched,
    setTimeout: (then: () => void, ms: number) => {
      paused.push(ms)
      setImmediate(then)
    },
    URLSearchParams,
    AbortSignal,
  })
  return { elements, asked, paused, went, title: () => elements.title.textContent }
}

const opened = { status: 200, body: { path: '/lab' } }
const unavailable = { status: 503, body: { code: 'unavailable' } }
const used = { status: 403, body: { code: 'ticket_used' } }

test.each<[string, readonly Turn[]]>([
  ['at once', [opened]],
  ['after requests that did not get through', ['lost', 'lost', opened]],
  ['after a proxy that had nobody to ask, and a gateway that had no database', ['no JSON', unavailable, opened]],
])('the door opens %s', async (_name, turns) => {
  const { went, asked, paused } = visit(...turns)
  await eventually(() => went.length > 0, 'it goes on')
  expect(went).toEqual(['/lab'])
  expect(asked).toEqual(turns.map(() => ({ ticket, replace: false })))
  expect(paused).toEqual([500, 1_500].slice(0, turns.length - 1))
})

test('a page that gives up says so, and tries again when it is told to', async () => {
  const { elements, title, asked, paused, went } = visit('lost', 'lost', 'lost', 'lost', 'lost', opened)
  await eventually(() => title() === 'The door did not open', 'it gives up')
  expect([asked.length, elements.continue.textContent, elements.continue.hidden]).toEqual([5, 'Try again', false])
  expect(elements.text.textContent).toContain('Carrel cannot be reached.')
  // With all its pauses it asks within the life of a ticket.
  expect(paused.reduce((sum, ms) => sum + ms, 0)).toBeLessThan(15_000)
  elements.continue.onclick()
  await eventually(() => went.length > 0, 'it goes on')
  expect([went, elements.continue.hidden]).toEqual([['/lab'], true])
})

test.each<Turn>(['lost', 'cut'])(
  'an answer that is %s: the door may be open, and its user is led there',
  async (turn) => {
    const { elements, title, went } = visit(turn, used)
    await eventually(() => title() === 'The door may be open', 'it says so')
    expect(elements.text.textContent).toContain('its answer was lost')
    elements.continue.onclick()
    expect(went).toEqual(['/'])
  },
)

test('a link that somebody else used is refused, and not tried again', async () => {
  const { elements, title, asked } = visit(used)
  await eventually(() => title() === 'The door did not open', 'it says so')
  expect(elements.text.textContent).toBe('The link was used already. Open it again from your portal.')
  expect([asked.length, elements.continue.hidden]).toEqual([1, true])
})

test('whoever goes on as another account does so also when the network fails', async () => {
  const other = { status: 409, body: { code: 'other_account', current: 'Anna', asked: 'Ben' } }
  const { elements, asked, went, title } = visit(other, 'lost', opened)
  await eventually(() => title() === 'Another account uses this door', 'it asks')
  expect(elements.continue.textContent).toBe('Continue as Ben')
  elements.continue.onclick()
  await eventually(() => went.length > 0, 'it goes on')
  expect(asked).toEqual([false, true, true].map((replace) => ({ ticket, replace })))
})

test('nobody is led to another site', async () => {
  const { went } = visit({ status: 200, body: { path: '//evil.example' } })
  await eventually(() => went.length > 0, 'it goes on')
  expect(went).toEqual(['/'])
})
