import { randomBytes } from 'node:crypto'
import type { SessionId } from '../../../domain/ids.ts'
import { readConfig } from '../../../platform/config.ts'
import { createKeyring } from '../../../platform/keyring.ts'
import { createSecrets, instanceSecret } from '../../../platform/secrets.ts'
import { makeOffer } from '../../../stack/offer.ts'
import { placesIn } from '../../../stack/places.ts'
import { freePort } from '../../../stack/ports.ts'
import { createFollower, templateId } from '../../e2e/portal.ts'
import { quickTimings } from '../../setup/fake-site.ts'
import { clientOf, createSite } from '../../setup/site.ts'
import type { Site } from '../../setup/site.ts'

/** An installation with notebooks behind doors: api, worker and gateway as processes of their own. */
export interface Notebooks {
  readonly site: Site
  readonly api: ReturnType<typeof clientOf>
  /** Starts a notebook and waits until it is ready. */
  start(): Promise<SessionId>
  /** An address that opens its door once, for the user. */
  open(id: SessionId): Promise<string>
  /** What nobody may see. */
  secretOf(id: SessionId): Promise<string>
  /** Ends all sessions and everything else. */
  close(): Promise<void>
}

/** With the notebook that this machine offers: in Docker where a daemon answers, else as a local process. */
export async function startNotebooks(): Promise<Notebooks> {
  const { tools } = readConfig(['tools'])
  const { signal } = new AbortController()
  const offer = await makeOffer({
    wanted: undefined,
    desktop: false,
    tools,
    places: placesIn(),
    signal,
    say: (word) => process.env['TEST_LOG'] !== undefined && console.log(word),
  })
  const secret = randomBytes(32)
  const site = await createSite({
    configuration: { providers: [offer.provider], templates: [offer.template], quotaDefaults: {} },
    timings: quickTimings,
    variables: {
      CARREL_DIRECT_DOORS: 'false',
      CARREL_KEYS: `k1:${secret.toString('base64')}`,
      CARREL_PROVIDERS: JSON.stringify([offer.provider]),
    },
  })
  const secrets = createSecrets(createKeyring([{ id: 'k1', secret }]))
  const doors = await freePort()
  const started = await Promise.all([
    site.startApi({ CARREL_GATEWAY_PORT: String(doors) }),
    site.startWorker(),
    site.startGateway(doors),
  ]).catch(async (error: unknown) => {
    await site.close()
    throw error
  })
  const api = clientOf(started[0].url, site.user.token)
  const follower = createFollower(api, 3 * 60_000)
  const ids: SessionId[] = []
  return {
    site,
    api,
    async start() {
      const { body } = await api('POST', '/v1/sessions', { templateId: await templateId(api) }, idempotent())
      // The api made it.
      const id = String(body['id']) as SessionId
      ids.push(id)
      const { state, reason } = await follower.ready(id)
      if (state !== 'ready') throw new Error(`the notebook is ${state}: ${String(reason)}`)
      return id
    },
    async open(id) {
      const answer = await api('POST', `/v1/sessions/${id}/connections`, { door: 'web' }, idempotent())
      if (typeof answer.body['url'] !== 'string') throw new Error(`no way in: ${JSON.stringify(answer.body)}`)
      return answer.body['url']
    },
    async secretOf(id) {
      const row = await site.db
        .selectFrom('instance')
        .select(['generation', 'secret'])
        .where('session_id', '=', id)
        .orderBy('generation', 'desc')
        .executeTakeFirstOrThrow()
      if (row.secret === null) throw new Error(`${id} has no secret`)
      return secrets.decrypt(instanceSecret({ sessionId: id, generation: row.generation }), row.secret).toString()
    },
    async close() {
      for (const id of ids) await api('DELETE', `/v1/sessions/${id}`)
      for (const id of ids) await follower.end(id)
      await site.close()
    },
  }
}

const idempotent = () => ({ 'idempotency-key': randomBytes(12).toString('hex') })
