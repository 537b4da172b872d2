import { randomUUID } from 'node:crypto'
import type { Answer, Ask } from '../../setup/api.ts'

/** What a provisioner reads of an instance. */
export interface Wanted {
  readonly id: string
  readonly name: string
  readonly status: string
  readonly image: string
  readonly command: readonly string[] | null
  readonly unwantedAt: string | null
}

/** What it says once it has taken one: the last part of the path, and the body. */
export type Word = readonly [path: 'report' | 'fail' | 'end' | 'gone', body?: object]

export interface ProvisionerOptions {
  readonly call: (method: string, path: string, ask?: Ask) => Promise<Answer>
  readonly token: string
  /** What comes of what it takes, word by word; `null`: it takes it not. */
  readonly script: (wanted: Wanted) => readonly Word[] | null
  /** Told of each take's answer. */
  readonly taken?: (answer: Answer) => void
}

export interface ScriptedProvisioner {
  /** Rejects with what went wrong meanwhile. */
  stop(): Promise<void>
}

const everyMs = 20
/** Somebody else was first, or it is gone by now. */
const expected: readonly number[] = [200, 204, 404, 409, 410]

/** A provisioner as a site would write one: it asks again and again, and has no memory of its own. */
export function startProvisioner({ call, token, script, taken }: ProvisionerOptions): ScriptedProvisioner {
  let stopping = false
  const ask = async (method: string, path: string, body?: object): Promise<Answer> => {
    const answer = await call(method, path, { token, key: null, ...(body === undefined ? {} : { body }) })
    if (!expected.includes(answer.status)) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`)
    return answer
  }

  async function all(): Promise<Wanted[]> {
    const found: Wanted[] = []
    let cursor = ''
    do {
      const { body } = await ask('GET', `/v1/provisioner/instances?limit=50${cursor}`)
      // As the API describes them.
      found.push(...(body.items as unknown as Wanted[]))
      cursor = body.nextCursor === null ? '' : `&cursor=${body.nextCursor}`
    } while (cursor !== '')
    return found
  }

  async function serve(one: Wanted): Promise<void> {
    const path = `/v1/provisioner/instances/${one.id}`
    if (one.unwantedAt !== null) return void (await ask('POST', `${path}/gone`))
    const words = one.status === 'wanted' ? script(one) : null
    if (words === null) return
    const answer = await ask('POST', `${path}/take`, { claim: randomUUID() })
    if (answer.status !== 200) return
    taken?.(answer)
    for (const [word, body] of words) await ask('POST', `${path}/${word}`, body)
  }

  const loop = async () => {
    while (!stopping) {
      for (const one of await all()) await serve(one)
      await new Promise((resolve) => setTimeout(resolve, everyMs))
    }
  }
  const running = loop()
  running.catch(() => undefined)
  return {
    stop: async () => {
      stopping = true
      await running
    },
  }
}
