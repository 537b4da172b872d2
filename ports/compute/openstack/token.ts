import { z } from 'zod'
import { CloudsFault } from './clouds.ts'
import type { Cloud, Credentials } from './clouds.ts'
import { CloudError } from './cloud-error.ts'
import { catalogShape, identityUrl } from './catalog.ts'
import type { Catalog } from './catalog.ts'
import { faultOf } from './fault.ts'
import { keystoneTime } from './keystone-time.ts'
import { untilAborted } from '../until-aborted.ts'
import type { Wire } from './wire.ts'

export interface Token {
  readonly secret: string
  readonly cloud: Cloud
  readonly catalog: Catalog
  readonly projectId: string
  readonly userId: string
  readonly roles: readonly string[]
  /** By this machine's clock, ms since the epoch. */
  readonly renewAt: number
  readonly expiresAt: number
}

/** One token for all calls, renewed before it ends. */
export interface Identity {
  /** Throws `CloudError`; `status` 401 where the credentials are refused. */
  token(signal: AbortSignal): Promise<Token>
  /** It was refused: the next call signs in anew. */
  drop(token: Token): void
}

const tokenShape = z.object({
  token: z.object({
    expires_at: keystoneTime,
    issued_at: keystoneTime,
    catalog: catalogShape.default([]),
    project: z.object({ id: z.string() }).optional(),
    user: z.object({ id: z.string() }),
    roles: z.array(z.object({ name: z.string() })).default([]),
  }),
})

export function createIdentity(wire: Wire, cloudNow: () => Cloud, timeoutMs: number): Identity {
  let current: Token | null = null
  let signing: Promise<Token> | null = null

  async function signIn(): Promise<Token> {
    const cloud = readable(cloudNow)
    const began = Date.now()
    // Whoever waits may go away; the others still want it.
    const never = new AbortController().signal
    const answer = await wire.ask(
      {
        method: 'POST',
        url: `${identityUrl(cloud.authUrl)}/auth/tokens`,
        headers: {},
        body: signInBody(cloud.credentials),
        timeoutMs,
      },
      never,
    )
    const { status } = answer
    // Keystone answers 404 for an application credential that it does not know.
    if (status === 401 || status === 403 || (status === 404 && answer.body !== undefined))
      throw new CloudError(401, `keystone: ${status}: the credentials are refused`)
    if (status !== 201) throw faultOf('keystone', answer)
    const parsed = tokenShape.safeParse(answer.body)
    const secret = answer.header('x-subject-token')
    if (!parsed.success || secret === null) throw new CloudError(null, 'keystone: an answer that is not understood')
    const { project, user, roles, catalog, ...times } = parsed.data.token
    if (project === undefined) throw new CloudError(401, 'keystone: the credentials are of no project')
    const lifeMs = times.expires_at - times.issued_at
    return {
      secret,
      cloud,
      catalog,
      projectId: project.id,
      userId: user.id,
      roles: roles.map((role) => role.name),
      renewAt: began + lifeMs - Math.min(120_000, lifeMs / 4),
      expiresAt: began + lifeMs,
    }
  }

  return {
    async token(signal) {
      if (signal.aborted) throw new CloudError(null, 'cancelled')
      if (current !== null && Date.now() < current.renewAt) return current
      signing ??= signIn()
        .then((token) => (current = token))
        .finally(() => (signing = null))
      return await untilAborted(signing, signal).catch((error: unknown) => {
        if (signal.aborted) throw new CloudError(null, 'cancelled')
        // Keystone is away for a moment: what it gave is good until its end.
        if (current !== null && Date.now() < current.expiresAt) return current
        throw error
      })
    },
    drop(token) {
      if (current === token) current = null
    },
  }
}

function readable(cloudNow: () => Cloud): Cloud {
  try {
    return cloudNow()
  } catch (error) {
    throw new CloudError(401, error instanceof CloudsFault ? error.message : 'the credentials cannot be read')
  }
}

/** The body of `POST /v3/auth/tokens`. An application credential has its scope in it, and may name no other. */
export function signInBody(credentials: Credentials): object {
  switch (credentials.kind) {
    case 'application_credential': {
      const { id, secret } = credentials
      return { auth: { identity: { methods: ['application_credential'], application_credential: { id, secret } } } }
    }
    case 'application_credential_by_name': {
      const { name, secret, user } = credentials
      return {
        auth: { identity: { methods: ['application_credential'], application_credential: { name, secret, user } } },
      }
    }
    case 'password': {
      const { user, password, project } = credentials
      return {
        auth: { identity: { methods: ['password'], password: { user: { ...user, password } } }, scope: { project } },
      }
    }
    default:
      return credentials satisfies never
  }
}
