import { once } from 'node:events'
import type { EventEmitter } from 'node:events'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import type { SessionId } from '../../domain/ids.ts'
import { figuresOf, ms } from '../bench/figures.ts'
import { missing, proofLength, tell } from '../proof/length.ts'
import { startDoorsSite } from '../support/doors/doors-site.ts'
import type { DoorsSite, Person } from '../support/doors/doors-site.ts'
import type { Entered } from '../support/doors/enter.ts'
import { startLoneNotebook } from '../support/doors/lone-notebook.ts'
import type { LoneNotebook } from '../support/doors/lone-notebook.ts'
import { startDesktop } from '../support/guacd/desktop.ts'
import type { Desktop } from '../support/guacd/desktop.ts'
import { startGuacd } from '../support/guacd/start.ts'
import type { Guacd } from '../support/guacd/start.ts'

const { runs, durationMs, long, named } = proofLength({ seed: 1, runs: 5, durationMs: 60_000 }, 50)
const goalMs = 5_000
/** Sessions that end, or whose people do, share one notebook and one desktop; the secret fits both. */
const secret = 'kittens1'
let notebook: LoneNotebook
let guacd: Guacd
let desk: Desktop
let doors: DoorsSite
let kernel = ''

beforeAll(async () => {
  ;[notebook, guacd, desk] = await Promise.all([startLoneNotebook(secret), startGuacd(), startDesktop(secret)])
  doors = await startDoorsSite({
    doors: { ...notebook.doors, desk: { protocol: 'vnc', port: 5901, modes: ['control'] } },
    variables: { CARREL_GUACD: `127.0.0.1:${guacd.port}` },
  })
  // The kernel that all sockets of this test are open to, and a file that is longer than any test.
  kernel = ((await (await notebook.ask('POST', '/api/kernels', { name: 'python3' })).json()) as { id: string }).id
  const content = Buffer.alloc(64 * 1024 * 1024).toString('base64')
  for (const chunk of [1, 2, 3, -1]) {
    const made = await notebook.ask('PUT', '/api/contents/long.bin', { type: 'file', format: 'base64', chunk, content })
    expect(made.ok).toBe(true)
  }
}, 10 * 60_000)
afterAll(async () => {
  await doors?.close()
  await Promise.all([notebook?.close(), desk?.stop(), guacd?.kill()])
})

const ready = async (): Promise<SessionId> =>
  await doors.ready({
    endpoints: [notebook.endpoint, { port: 5901, host: desk.host, hostPort: desk.port }],
    secret,
  })

const ways = ['kernel', 'desktop', 'download'] as const
type Way = (typeof ways)[number]
interface Open {
  /** Fulfilled when it is over, with its time. */
  readonly over: Promise<number>
}

/** When it was closed; an error before it is one way to be closed. */
const closing = async (one: EventEmitter): Promise<number> =>
  await new Promise((resolve) => one.once('close', () => resolve(performance.now())))

async function openSocket(path: string, { headers }: Entered, protocols: string[]): Promise<Open> {
  const socket = new WebSocket(`ws://127.0.0.1:${doors.port}${path}`, protocols, { headers })
  socket.on('error', () => {})
  const over = closing(socket)
  const first = once(socket, 'message')
  await Promise.race([first, over.then(() => Promise.reject(new Error(`${path} was closed at once`)))])
  return { over }
}

/** Reads as slowly as a bad line does; what is on its way is still read before the end is seen. */
async function openDownload({ headers }: Entered): Promise<Open> {
  const asked = request({ host: '127.0.0.1', port: doors.port, path: '/files/long.bin', agent: false, headers })
  asked.on('error', () => {})
  asked.end()
  // The one argument of this event.
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  if (answer.statusCode !== 200) throw new Error(`the download was answered ${answer.statusCode}`)
  answer.on('error', () => {})
  answer.on('data', () => {
    answer.pause()
    setTimeout(() => answer.resume(), 4)
  })
  const over = closing(answer).then((at) => {
    if (answer.complete) throw new Error('the download came to its own end')
    return at
  })
  return { over }
}

/** A notebook's kernel, a desktop and a download, open at once as one person's. */
async function openAll(id: SessionId, who: Person): Promise<Readonly<Record<Way, Open>>> {
  const [web, desktop] = await Promise.all(
    ['web', 'desk'].map(async (door) => await doors.enter(await doors.open(id, who, door))),
  )
  if (web === undefined || desktop === undefined) throw new Error('two doors, two ways')
  const [kernels, tunnels, download] = await Promise.all([
    openSocket(`/api/kernels/${kernel}/channels`, web, []),
    openSocket('/.carrel/desktop/tunnel?width=800&height=600&dpi=96', desktop, ['guacamole']),
    openDownload(web),
  ])
  return { kernel: kernels, desktop: tunnels, download }
}

/** What ends somebody's right, through the api. Each is done to a person of their own. */
const deeds: Readonly<Record<string, (id: SessionId, who: Person) => Promise<unknown>>> = {
  'remove the collaborator': async (id, who) =>
    await doors.call(doors.site.user, 'DELETE', `/v1/sessions/${id}/collaborators/${who.accountId}`, undefined, '*'),
  'disable the account': async (_id, who) =>
    await doors.call(doors.site.admin, 'POST', `/v1/accounts/${who.accountId}/disable`),
  'revoke the token': async (_id, who) => {
    const tokens = doors.site.db.selectFrom('token').select('id').where('account_id', '=', who.accountId)
    const { id } = await tokens.executeTakeFirstOrThrow()
    await doors.call(who, 'DELETE', `/v1/tokens/${id}`)
  },
  // Last: nobody comes in afterwards.
  'stop the session': async (id) => await doors.call(doors.site.user, 'DELETE', `/v1/sessions/${id}`),
}

test(
  'whatever ends a right closes what is open by it: kernel, desktop and download',
  async () => {
    const took = new Map<string, number[]>()
    const until = long ? Date.now() + durationMs * 0.8 : Infinity
    let reached = 0
    for (; reached < runs && Date.now() < until; reached++) {
      const id = await ready()
      for (const [what, deed] of Object.entries(deeds)) {
        const who = await doors.person()
        await doors.invite(id, who)
        const open = await openAll(id, who)
        const began = performance.now()
        await deed(id, who)
        for (const way of ways) {
          const all = took.get(`${what}, ${way}`) ?? []
          took.set(`${what}, ${way}`, [...all, (await open[way].over) - began])
        }
      }
    }
    const rows = [...took, ['all', [...took.values()].flat()] as const]
    const notes = rows.map(([what, each]) => {
      const { n, p50, p99 } = figuresOf(each)
      return `closed after, ${what}: p50 ${ms(p50)}, p99 ${ms(p99)} (n = ${n})`
    })
    const { n, p99 } = figuresOf([...took.values()].flat())
    expect(n).toBe(reached * Object.keys(deeds).length * ways.length)
    const breaches = p99 <= goalMs ? [] : [`p99 is ${ms(p99)}, more than ${ms(goalMs)}`]
    tell({ cases: n, breaches, missed: named ? missing(reached, runs, 'rounds') : null, notes })
    expect(p99, notes.join('\n')).toBeLessThanOrEqual(goalMs)
    // Its row is closed after what was open is.
    const left = doors.site.db.selectFrom('tunnel').select('id').where('closed_at', 'is', null)
    await expect.poll(async () => await left.execute(), { timeout: 30_000 }).toEqual([])
  },
  Math.max(durationMs, 300_000),
)
