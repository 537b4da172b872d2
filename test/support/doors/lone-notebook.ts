import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { newId } from '../../../domain/ids.ts'
import type { TemplateSpec } from '../../../domain/template.ts'
import { readConfig } from '../../../platform/config.ts'
import { openProvider } from '../../../ports/compute/drivers.ts'
import type { Endpoint } from '../../../ports/compute/provider.ts'
import { makeOffer } from '../../../stack/offer.ts'
import { placesIn } from '../../../stack/places.ts'
import { plainTerms } from '../../setup/plain-terms.ts'

/** A notebook that no session of the database knows: for tests that make many sessions of one. */
export interface LoneNotebook {
  readonly doors: TemplateSpec['doors']
  readonly endpoint: Endpoint
  /** Asks it directly, with its secret. */
  ask(method: string, path: string, body?: object): Promise<Response>
  close(): Promise<void>
}

const upWithinMs = 120_000

export async function startLoneNotebook(secret: string): Promise<LoneNotebook> {
  const { tools } = readConfig(['tools'])
  const { signal } = new AbortController()
  const question = { wanted: undefined, desktop: false, tools, places: placesIn(), signal, say: () => undefined }
  const { provider: config, template } = await makeOffer(question)
  const { spec } = template
  const provider = openProvider({ ...config, development: true, weakIsolationAllowedFor: [] })
  const sessionId = newId('session')
  const ref = { name: `carrel-${sessionId}-1`, deploymentId: randomUUID() }
  const close = async () => {
    await provider.remove(ref, { signal: AbortSignal.timeout(60_000) })
    await provider.close()
  }
  try {
    const { small } = spec.sizes
    if (small === undefined) throw new Error('the notebook has no small size')
    const { image, command, environment, capabilities, readiness, egress } = spec
    await provider.create(
      {
        ...{ ...ref, sessionId, generation: 1, image, command, environment, secret, capabilities, readiness, egress },
        ...plainTerms,
        user: null,
        resources: { sessions: 1, ...small },
        ports: [8888],
        mounts: [],
      },
      { signal: AbortSignal.timeout(upWithinMs) },
    )
    const deadline = Date.now() + upWithinMs
    for (;;) {
      const state = await provider.inspect(ref, { signal: AbortSignal.timeout(30_000) })
      const [endpoint] = state.kind === 'running' ? state.endpoints : []
      const ask: LoneNotebook['ask'] = async (method, path, body) =>
        await fetch(`http://${endpoint?.host}:${endpoint?.hostPort}${path}`, {
          method,
          headers: { authorization: `token ${secret}`, 'content-type': 'application/json' },
          signal: AbortSignal.timeout(30_000),
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        })
      const isUp =
        endpoint !== undefined &&
        (await ask('GET', '/api/kernels').then(
          ({ ok }) => ok,
          () => false,
        ))
      if (isUp) return { doors: spec.doors, endpoint, ask, close }
      if (Date.now() > deadline) throw new Error(`the notebook is not up: ${JSON.stringify(state)}`)
      await delay(200)
    }
  } catch (error) {
    await close()
    throw error
  }
}
