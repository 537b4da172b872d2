import { randomBytes, randomUUID } from 'node:crypto'
import { createApp } from '../../api/app.ts'
import type { ApiDeps, ApiSettings, HandoverSecrets } from '../../api/deps.ts'
import { plainInvitations } from '../../api/invitations/settings.ts'
import { createAccount } from '../../db/accounts.ts'
import { admitSession } from '../../db/admission.ts'
import { applyConfiguration } from '../../db/bootstrap.ts'
import { connect } from '../../db/connect.ts'
import type { Db } from '../../db/connect.ts'
import { createListener } from '../../db/listen.ts'
import type { Listener } from '../../db/listen.ts'
import { createToken } from '../../db/tokens.ts'
import { newId } from '../../domain/ids.ts'
import type { AccountId, Id, SessionId } from '../../domain/ids.ts'
import { scopes as allScopes } from '../../domain/authorization.ts'
import type { Role, Scope } from '../../domain/authorization.ts'
import { createKeyring } from '../../platform/keyring.ts'
import { createMetrics } from '../../platform/metrics.ts'
import {
  bodyDigest,
  createSecrets,
  handoverSecrets,
  hawkKey,
  invitationCode,
  providerSecrets,
  sessionParameters,
} from '../../platform/secrets.ts'
import { decodeForDisplay } from '../../platform/temporal/codec.ts'
import { createMigratedDatabase } from './database.ts'

export const keyring = createKeyring([{ id: 'test', secret: new Uint8Array(randomBytes(32)) }])
export const secrets = createSecrets(keyring)
/** Never the same as one whose first letter is an x. */
export const capability = `c${randomBytes(32).toString('base64url')}`
export const portalOrigin = 'https://portal.example.org'

const settings: ApiSettings = {
  corsOrigins: [portalOrigin],
  rateLimitPerMinute: 100_000,
  doors: null,
  directDoors: true,
  codecCapability: capability,
  temporalUiOrigin: 'http://127.0.0.1:8233',
  providerNetworks: ['10.0.0.0/8'],
  invitations: { ...plainInvitations, rates: { perAccount: 10_000, perProject: 10_000, perAddress: 10_000 } },
  development: true,
}

/** An id of whatever kind the answer is about: tests go on to look its row up. */
// oxlint-disable-next-line typescript/no-explicit-any
export type AnyId = Id<any>

/** Every field that tests read of an answer's JSON; each answer has its own of them. */
export interface Body {
  readonly [field: string]: unknown
  readonly id: AnyId
  readonly accountId: AnyId
  readonly sessionId: AnyId
  readonly projectId: AnyId
  readonly providerId: AnyId
  readonly personalProjectId: AnyId
  readonly name: string
  readonly secret: string
  readonly url: string
  readonly code: string
  readonly state: string
  readonly requestedAt: string
  readonly expiresAt: string
  readonly version: number
  readonly seq: number
  readonly nextCursor: string | null
  readonly items: Body[]
  readonly errors: { readonly in: string; readonly pointer: string; readonly message: string }[]
  readonly payers: Body[]
  readonly account: Body
  readonly held: Body
  readonly sessions: number
  readonly data: { readonly text?: string }
  readonly parameters: Readonly<Record<string, unknown>>
  readonly paths: Readonly<Record<string, unknown>>
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Body
  readonly text: string
}

export interface Ask {
  readonly token?: string
  readonly body?: unknown
  /** Left out: a new key for each creating POST; `null`: none. */
  readonly key?: string | null
  readonly headers?: Readonly<Record<string, string>>
}

export interface Person {
  readonly id: AccountId
  readonly token: string
  readonly projectId: AnyId
}

/** A template that everybody may start on the provider `fake`. */
export const notebook = {
  title: 'Notebook',
  description: 'A notebook for tests',
  provider: { id: 'fake' },
  image: 'notebook:1',
  sizes: {
    small: { cpuMilli: 1_000, memoryMib: 1_024, diskMib: 0, gpus: 0 },
    large: { cpuMilli: 4_000, memoryMib: 8_192, diskMib: 0, gpus: 1 },
  },
  defaultSize: 'small',
  parameters: {
    packages: { type: 'string', default: 'none', enum: ['none', 'all'], env: 'PACKAGES' },
    threads: { type: 'integer', min: 1, max: 8, default: 2 },
  },
  doors: {
    web: {
      protocol: 'http',
      port: 8_888,
      modes: ['control', 'view'],
      path: '/lab?token={secret}',
      readOnly: { port: 8_889 },
    },
  },
  readiness: { kind: 'http', port: 8_888, path: '/', status: 200 },
  mounts: [{ kind: 'dataset', modes: ['ro'] }],
  egress: 'none',
  startLimitSeconds: 300,
  lifetimeSeconds: 3_600,
  visibleTo: [{ kind: 'everyone' }],
}

/** The api in process, on a database of its own with a provider `fake` and without a worker. */
export interface TestApi {
  readonly db: Db
  readonly url: string
  readonly listener: Listener
  readonly app: ReturnType<typeof createApp>
  /** Everything that the api wrote to its log. */
  readonly logged: string[]
  call(method: string, path: string, ask?: Ask): Promise<Answer>
  person(what?: {
    roles?: Role[]
    scopes?: readonly Scope[]
    organisation?: string
    groups?: string[]
  }): Promise<Person>
  token(accountId: AccountId, scopes?: readonly Scope[], client?: string): Promise<string>
  template(spec?: Record<string, unknown>): Promise<string>
  /** Decides as the workflow would: the real admission. */
  decide(sessionId: string): Promise<void>
  /** Decides whatever is requested, as workers would, until it is stopped. */
  deciding(): { stop(): Promise<void> }
  /** Another api on the same database, as another process would be; by a way of its own where `by` is one. */
  another(changed?: Partial<ApiSettings>, by?: Db, more?: Partial<ApiDeps>): ReturnType<typeof createApp>
  close(): Promise<void>
}

/** `more`: what of the api's dependencies is another than usual, or there at all. */
export async function startApi(changed: Partial<ApiSettings> = {}, more: Partial<ApiDeps> = {}): Promise<TestApi> {
  const { url, drop } = await createMigratedDatabase()
  const db = connect({ url, poolSize: 10 })
  const listener = createListener(url)
  await applyConfiguration(db, {
    providers: [{ id: 'fake', kind: 'fake', startLimit: 1_000, networks: [], settings: {} }],
    templates: [],
    quotaDefaults: {},
  })
  const logged: string[] = []
  const write = (fields: unknown, message: string) => void logged.push(`${JSON.stringify(fields)} ${message}`)
  const another: TestApi['another'] = (other = {}, by = db, others = {}) =>
    createApp({
      db: by,
      listener,
      log: { info: write, warn: write, error: write },
      metrics: createMetrics('api'),
      settings: { ...settings, ...changed, ...other },
      digest: (text, keyId) => bodyDigest(keyring, text, keyId),
      openInstanceSecret: ({ sessionId, generation }, sealed) =>
        secrets.decrypt({ table: 'instance', column: 'secret', id: `${sessionId}/${generation}` }, sealed).toString(),
      mintInstanceSecret: ({ sessionId, generation }) =>
        secrets.encrypt({ table: 'instance', column: 'secret', id: `${sessionId}/${generation}` }, 'minted'),
      sealParameters: (id, text) => secrets.encrypt(sessionParameters(id), text),
      sealProviderSecrets: (id, text) => secrets.encrypt(providerSecrets(id), text),
      sealInvitationCode: (id, code) => secrets.encrypt(invitationCode(id), code),
      openHandover: (id, sealed) =>
        JSON.parse(secrets.decrypt(handoverSecrets(id), sealed).toString()) as HandoverSecrets,
      hawk: {
        host: 'carrel.test',
        port: 443,
        seal: (id, key) => secrets.encrypt(hawkKey(id), key),
        open: (id, sealed) => secrets.decrypt(hawkKey(id), sealed).toString(),
      },
      decodePayloads: (payloads) => decodeForDisplay(keyring, payloads),
      isServing: () => true,
      ...more,
      ...others,
    })
  const app = another()
  const token: TestApi['token'] = (accountId, scopes = allScopes, client = 'test') =>
    db.transaction().execute((trx) =>
      createToken(trx, {
        id: newId('token'),
        accountId,
        client,
        name: 'test',
        scopes,
        expiresAt: new Date(Date.now() + 3_600_000),
      }),
    )
  const person: TestApi['person'] = async (what = {}) => {
    const { roles = ['member'], scopes = allScopes, organisation = null, groups = [] } = what
    const id = newId('account')
    const account = { id, displayName: `Person ${id}`, email: null, organisation, roles, groups, posix: null }
    await db.transaction().execute((trx) => createAccount(trx, account))
    const personal = await db.selectFrom('project').select('id').where('personal_of', '=', id).executeTakeFirstOrThrow()
    return { id, token: await token(id, scopes), projectId: personal.id }
  }
  const call: TestApi['call'] = (method, path, ask) => callApp(app, method, path, ask)
  return {
    db,
    url,
    listener,
    app,
    logged,
    call,
    token,
    another,
    person,
    async template(spec = {}) {
      const admin = await person({ roles: ['admin'] })
      const name = `t${randomUUID()}`
      const made = await call('POST', '/v1/templates', {
        token: admin.token,
        body: { name, spec: { ...notebook, ...spec } },
      })
      if (made.status !== 201) throw new Error(JSON.stringify(made.body))
      return made.body.id
    },
    async decide(sessionId) {
      await admitSession(db, { sessionId: sessionId as SessionId, generation: 1 })
    },
    deciding() {
      let stopping = false
      const loop = async () => {
        while (!stopping) {
          const rows = await db.selectFrom('session').select('id').where('state', '=', 'requested').limit(3).execute()
          await Promise.all(rows.map((row) => admitSession(db, { sessionId: row.id, generation: 1 })))
          if (rows.length === 0) await new Promise((resolve) => setTimeout(resolve, 20))
        }
      }
      const running = loop()
      return {
        stop: () => {
          stopping = true
          return running
        },
      }
    },
    async close() {
      app.streams.shutDown()
      await listener.close()
      await db.destroy()
      await drop()
    },
  }
}

/** Asks an api in process. */
export async function callApp(
  { app }: ReturnType<typeof createApp>,
  method: string,
  path: string,
  { token, body, key, headers = {} }: Ask = {},
): Promise<Answer> {
  const text = typeof body === 'string' || body === undefined ? body : JSON.stringify(body)
  const creates = method === 'POST' && key !== null ? { 'idempotency-key': key ?? randomUUID() } : {}
  const answer = await app.request(path, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(text === undefined ? {} : { 'content-type': 'application/json' }),
      ...creates,
      ...headers,
    },
    ...(text === undefined ? {} : { body: text }),
  })
  const answered = await answer.text()
  const isJson = (answer.headers.get('content-type') ?? '').includes('json')
  // A test reads only the fields that its answer has.
  const json = (isJson ? JSON.parse(answered) : {}) as Body
  return { status: answer.status, headers: answer.headers, body: json, text: answered }
}
